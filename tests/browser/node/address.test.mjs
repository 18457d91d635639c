// The view in the address of a page that has no Python behind it.

import assert from "node:assert/strict";
import test from "node:test";

import { searchWith, settingsIn } from "../../../app/live/web/address.mjs";

test("an address asks for a view, and for nothing that is none of its business", () => {
    assert.deepEqual(settingsIn("?view=side&targetFps=30&clean=1&threads=99"), { view: "side", targetFps: "30", clean: true });
    assert.deepEqual(settingsIn(""), { clean: false });
});

test("what was chosen joins the address, and the rest of it stays", () => {
    assert.equal(searchWith({ view: "side", strength: 0.5 }, "?clean=1&view=split"), "?clean=1&view=side");
});
