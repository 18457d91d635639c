// The builds of layers.ts: which of them run in this browser, right to the last bit, and which is the fastest.

import { IntegerEngine } from "./integer_engine.mjs";
import { UserError, wrong } from "./messages.mjs";
import { checksum } from "./pixels.mjs";

const TIERS = [
    { name: "relaxed", activation: 1 }, // bytes of what its convolutions read
    { name: "simd", activation: 2 },
];
const ROUNDS = 24; // of a frame each: within the first ones the browser still compiles for speed

/**
 * The builds in `folder` that this browser takes, for memory that is `shared` by threads or is not.
 *
 * @returns {Promise<{name: string, activation: number, module: WebAssembly.Module}[]>}
 * @throws {UserError} where there is none
 */
export async function usableTiers(folder, shared, fetching = fetch) {
    const files = TIERS.map(async (tier) => {
        const answer = await fetching(`${folder}layers-${tier.name}${shared ? "-shared" : ""}.wasm`);
        return answer.ok ? { ...tier, bytes: await answer.arrayBuffer() } : null;
    });
    const found = (await Promise.all(files)).filter(Boolean);
    if (found.length === 0) throw new UserError('The page\'s own engine is not there (run "make setup").');
    const valid = found.filter(({ bytes }) => WebAssembly.validate(bytes));
    if (valid.length === 0) throw new UserError("This browser's WebAssembly has no SIMD, which the page's own engine needs.");
    return Promise.all(valid.map(async ({ bytes, ...tier }) => ({ ...tier, module: await WebAssembly.compile(bytes) })));
}

/** The fastest of these `tiers` on the known frame of the contract, of those that answer it rightly. Throws UserError. */
export async function fastestTier(tiers, { form, title, contract, shared }) {
    const right = [];
    for (const tier of tiers) {
        const engine = await IntegerEngine.open({ ...tier, shared, threads: 1 });
        if (answersRightly(engine, engine.add(form), contract)) right.push({ tier, engine, ms: Infinity });
    }
    if (right.length === 0) throw wrong("this browser's WebAssembly", title, "answer");
    for (let round = 0; right.length > 1 && round < ROUNDS; round += 1) {
        for (const each of right) each.ms = Math.min(each.ms, timeOf(each.engine, contract));
        await new Promise((resolve) => setTimeout(resolve)); // what the browser compiled meanwhile is taken
    }
    return right.reduce((best, other) => (other.ms < best.ms ? other : best)).tier;
}

/** Whether a network gives its known answers to the last bit. Its dials are at neutral afterwards. */
export function answersRightly(engine, network, { golden: { input }, dials, strong, web: { known } }) {
    engine.fit(input.width, input.height);
    const isRight = (setting, { shape, crc32 }) => {
        network.set(setting);
        const [picture] = engine.run(input.data, [network]);
        return String(shape) === String([picture.height, picture.width, 3]) && checksum(picture) === crc32;
    };
    return isRight(strong.setting, known.strong) && isRight(dials.neutral, known.neutral);
}

function timeOf(engine, { golden: { input } }) {
    const started = performance.now();
    engine.run(input.data);
    return performance.now() - started;
}
