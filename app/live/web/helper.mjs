// A thread of our own engine: told once what it works on, it never listens again.

import { Thread } from "./crew.mjs";

self.onmessage = ({ data }) => {
    const thread = new Thread(data);
    postMessage("ready");
    thread.help();
};
