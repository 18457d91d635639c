// Whether there is a graphics processor worth asking, before anything is fetched for it.

import { UserError } from "./messages.mjs";

/** Throws UserError where WebGPU is not there; where the engine is chosen `automatic`ally, also where it is only emulated. */
export async function requireAdapter(automatic) {
    const adapter = await globalThis.navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter)
        throw new UserError(
            "This browser cannot use the graphics processor (no WebGPU), so the main processor computes the picture.",
        );
    if (automatic && (adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter)) {
        throw new UserError(
            "There is no graphics processor to use here (WebGPU is only emulated), so the main processor computes the picture.",
        );
    }
}
