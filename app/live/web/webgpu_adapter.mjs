// Whether there is a graphics processor worth asking, before anything is fetched for it.

import { UserError } from "./messages.mjs";

/** Throws UserError where WebGPU is not there; where the engine is chosen `automatic`ally, also where it is only emulated. */
export async function requireAdapter(automatic) {
    const adapter = await globalThis.navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) throw new UserError("This browser offers no WebGPU to this page.");
    if (automatic && (adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter)) {
        throw new UserError("WebGPU is only emulated by the processor here.");
    }
}
