// Where frames come from: the viewer's camera, the sample, or a file of the viewer's own. All go the same way.

import { INSECURE, UNDECODABLE, UserError, cameraSentence } from "./messages.mjs";

const PATIENCE_MS = 15_000; // for the first frame
const STILL_MS = 250; // a photograph is shown anew this often, so that it is treated as any clip

/**
 * The camera: "user" and "environment" are the one that faces so, anything else a device's id. The resolution, as
 * "640x480", is asked for, not demanded.
 */
export async function openCamera({ camera, resolution }) {
    if (!navigator.mediaDevices?.getUserMedia) throw new UserError(INSECURE);
    const faces = ["user", "environment"].includes(camera);
    const [width, height] = resolution.split("x").map(Number);
    const asked = {
        ...(faces ? { facingMode: { ideal: camera } } : { deviceId: { exact: camera } }),
        width: { ideal: width },
        height: { ideal: height },
        frameRate: { ideal: 30 },
        resizeMode: { ideal: "none" }, // no browser shall cut or scale what the camera gives
    };
    let stream;
    try {
        stream = await navigator.mediaDevices.getUserMedia({ video: asked, audio: false });
    } catch (error) {
        throw new UserError(cameraSentence(error));
    }
    const [track] = stream.getVideoTracks();
    const { facingMode, deviceId: id } = track.getSettings();
    const stop = () => track.stop();
    const source = await playing({ srcObject: stream }, stop, "The camera gives no picture. Try another one.");
    track.onended = () => source.onend("The camera went away. Plug it in again, and start.");
    return Object.assign(source, { kind: "camera", title: track.label, deviceId: id, front: facingMode !== "environment" });
}

/** A clip of the page's own. */
export async function openSample({ url, title }) {
    const source = await playing({ src: url, loop: true }, () => {}, UNDECODABLE);
    return Object.assign(source, { kind: "sample", title });
}

/** A photograph or a video of the viewer's own; it never leaves this machine. */
export async function openFile(file) {
    const about = { kind: "file", title: file.name };
    if (file.type.startsWith("image/")) return Object.assign(await still(file), about);
    const url = URL.createObjectURL(file);
    return Object.assign(await playing({ src: url, loop: true }, () => URL.revokeObjectURL(url), UNDECODABLE), about);
}

/** The cameras by name; names are empty until the viewer has allowed one. */
export async function cameras() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
}

async function playing(attributes, release, refusal) {
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true }, attributes);
    const source = new VideoSource(video, release);
    const broken = new Promise((_, reject) => {
        video.addEventListener("error", reject, { once: true });
        setTimeout(reject, PATIENCE_MS, new Error("no frame came"));
    });
    broken.catch(() => {}); // also when it comes later
    try {
        await Promise.race([video.play(), broken]); // of what cannot be decoded, play() alone says nothing
        if (video.videoWidth === 0) throw new Error("no picture");
    } catch {
        source.stop();
        throw new UserError(refusal);
    }
    source.watch();
    return source;
}

class VideoSource {
    constructor(video, release) {
        Object.assign(this, { video, release, stopped: false, front: false });
        this.onframe = () => {};
        this.onend = () => {};
    }

    get size() {
        return { width: this.video.videoWidth, height: this.video.videoHeight };
    }

    /** Count the frames that the browser presents. */
    watch(before = 0) {
        this.video.requestVideoFrameCallback((_now, { presentedFrames }) => {
            if (this.stopped) return;
            this.watch(presentedFrames);
            this.onframe(Math.max(1, presentedFrames - before));
        });
    }

    /** The newest frame. Whoever asks closes it. */
    async grab() {
        if (!globalThis.VideoFrame) return createImageBitmap(this.video);
        const frame = new VideoFrame(this.video);
        return frame.rotation || frame.flip ? upright(frame) : frame;
    }

    pause() {
        this.video.pause();
    }

    resume() {
        if (!this.stopped) this.video.play().catch(() => {}); // a page that was hidden again meanwhile
    }

    stop() {
        this.stopped = true;
        this.release();
        this.video.pause();
        this.video.srcObject = null;
        this.video.removeAttribute("src");
        this.video.load();
    }
}

/** The same frame, its pixels as they are shown: drawn, as a bitmap of it would only say how they are to be turned. */
function upright(frame) {
    const canvas = new OffscreenCanvas(frame.displayWidth, frame.displayHeight);
    canvas.getContext("2d", { alpha: false }).drawImage(frame, 0, 0, canvas.width, canvas.height);
    const { timestamp } = frame;
    frame.close();
    return new VideoFrame(canvas, { timestamp });
}

async function still(file) {
    let bitmap;
    try {
        bitmap = await createImageBitmap(file);
    } catch {
        throw new UserError(UNDECODABLE);
    }
    return new StillSource(bitmap);
}

class StillSource {
    constructor(bitmap) {
        Object.assign(this, { bitmap, front: false, still: true });
        this.onframe = () => {};
        this.onend = () => {};
        this.size = { width: bitmap.width, height: bitmap.height };
        this.resume();
    }

    async grab() {
        if (!globalThis.VideoFrame) return createImageBitmap(this.bitmap);
        return new VideoFrame(this.bitmap, { timestamp: 0 });
    }

    pause() {
        clearInterval(this.timer);
    }

    resume() {
        this.pause();
        this.timer = setInterval(() => this.onframe(1), STILL_MS);
    }

    stop() {
        this.pause();
        this.bitmap.close();
    }
}
