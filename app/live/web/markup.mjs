// What is on the page: markup without behaviour, and small helpers to fill it.

const MARKUP = `
<div class="theatre" data-name="theatre"><div class="stage" data-name="stage">
  <div class="screen" data-name="screen"></div>
  <span class="tag left" data-name="leftTag" hidden></span>
  <span class="tag right" data-name="rightTag" hidden></span>
  <div class="handle" data-name="handle" role="slider" tabindex="0" aria-label="Where the two pictures meet"
       aria-valuemin="0" aria-valuemax="100" aria-valuenow="50" hidden></div>
  <canvas class="lens" data-name="lens" width="176" height="176" role="img" aria-label="Lens" tabindex="0" hidden></canvas>
  <div class="figures" data-name="figures" hidden></div>
  <div class="countdown" data-name="countdown" aria-live="assertive"></div>
  <div class="welcome" data-name="welcome">
    <p data-name="promise">The student runs in this browser. No frame leaves this machine.</p>
    <button class="main" data-name="start">Start the camera</button>
    <div class="others">
      <button data-name="sample">Play the sample</button>
      <button data-name="open">Open a file</button>
      <input type="file" data-name="file" accept="image/*,video/*" aria-label="A photograph or video" hidden>
    </div>
  </div>
  <div class="words">
    <p class="error" role="alert" data-name="error"></p>
    <p class="notes" role="status" data-name="notes"></p>
    <div class="taking" data-name="taking" hidden>
      <span role="status" data-name="takingNote"></span>
      <progress data-name="taken" value="0" aria-label="Frames of your camera"></progress>
      <button type="button" data-name="takingCancel">Cancel</button>
    </div>
  </div>
</div>
<div class="bar" role="toolbar" aria-label="Picture" data-name="bar" hidden>
  <button class="main" data-name="mineButton" hidden>Make it mine</button>
  <button data-name="stop">Stop</button>
  <button data-name="pause" aria-pressed="false" title="Space" aria-keyshortcuts="Space">Pause</button>
  <button data-name="snapshot" title="S" aria-keyshortcuts="s">Snapshot</button>
  <button data-name="film" aria-pressed="false" title="What you see, as a video for yourself: V"
          aria-keyshortcuts="v"><span data-name="filmWords">Film</span> <span data-name="filmed" aria-hidden="true"></span></button>
  <button data-name="lensButton" aria-pressed="false" title="L" aria-keyshortcuts="l">Lens</button>
  <button data-name="figuresButton" aria-pressed="false" title="I" aria-keyshortcuts="i">Figures</button>
  <button data-name="fullscreen" title="F" aria-keyshortcuts="f">Fullscreen</button>
</div></div>
<div class="dials" role="group" aria-label="Enhancement" data-name="dials" hidden></div>
<div class="kept" data-name="kept"></div>
<div class="settings">
  <div class="presets" role="group" aria-label="Quality" data-name="presets">
    <button type="button" value="fast" title="30 frames a second: a lighter student runs where that takes it">Fast</button>
    <button type="button" value="balanced" title="15 frames a second, by a lighter student where that takes it">Balanced</button>
    <button type="button" value="best" title="The student that is chosen, however long a frame takes">Best</button>
  </div>
  <label>Student <select data-name="model"></select></label>
  <label>Compared with <select data-name="compareWith"></select></label>
  <label>View <select data-name="view">
    <option value="split">Split</option><option value="side">Side by side</option>
    <option value="single">Student alone</option></select></label>
  <label>Camera <select data-name="camera">
    <option value="user">Front</option><option value="environment">Rear</option></select></label>
</div>
<details class="advanced">
  <summary>Advanced</summary>
  <div class="settings">
    <label>Camera size <select data-name="resolution">
      <option>160x120</option><option>320x240</option><option>640x480</option><option>1280x720</option>
      <option>1920x1080</option><option>3840x2160</option></select></label>
    <label>Mirror <select data-name="mirror">
      <option value="auto">Front camera</option><option value="on">Always</option>
      <option value="off">Never</option></select></label>
    <label>Engine <select data-name="engine">
      <option value="auto">Automatic</option><option value="webgpu">WebGPU</option>
      <option value="wasm">WASM</option></select></label>
    <label>Input size <select data-name="inputSize">
      <option value="auto">Automatic</option><option value="1">Full size</option><option value="0.75">3/4</option>
      <option value="0.5">1/2</option></select></label>
    <label>Target frame rate <select data-name="targetFps">
      <option>6</option><option>10</option><option>15</option><option>24</option><option>30</option></select></label>
  </div>
</details>
<details class="training" data-name="training" hidden>
  <summary>Record a clip of this camera for training</summary>
  <form data-name="trainingForm">
    <label>Name <input data-name="clipName" required maxlength="64" autocomplete="off"></label>
    <label>Frames <input data-name="clipFrames" type="number" required min="1" value="60"></label>
    <label>A second <input data-name="clipPace" type="number" required min="0.1" step="any" value="2"></label>
    <label class="consent"><input data-name="consent" type="checkbox" required> <span data-name="consentText"></span></label>
    <button class="main" data-name="record">Record the clip</button>
    <button type="button" data-name="cancel" hidden>Cancel</button>
    <progress data-name="progress" value="0" aria-label="Frames recorded" hidden></progress>
    <p role="status" data-name="trainingNote"></p>
  </form>
</details>
<dialog class="mine" data-name="mine" aria-label="Make it mine">
  <form data-name="mineForm">
    <p class="lead">Make it mine: a student for your own camera</p>
    <p data-name="mineWords"></p>
    <p data-name="mineCost" role="status"></p>
    <label class="consent"><input data-name="mineConsent" type="checkbox" required> <span data-name="mineConsentText"></span></label>
    <div class="others">
      <button class="main" data-name="mineBegin">Record and train</button>
      <button type="button" data-name="mineLater">Not now</button>
    </div>
  </form>
</dialog>`;

/** The player's root element with its parts by name. */
export function build(web) {
    const root = document.createElement("section");
    root.className = "sharpcam";
    root.setAttribute("aria-label", "Live picture");
    root.innerHTML = MARKUP;
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("player.css", web) });
    root.prepend(style);
    const parts = Object.fromEntries([...root.querySelectorAll("[data-name]")].map((part) => [part.dataset.name, part]));
    return { root, ...parts };
}

/** Show the player above all that is on the page, where nothing can cover the picture, and of it the picture alone. */
export function showAlone(root) {
    root.classList.add("clean");
    root.popover = "manual";
    root.showPopover();
}

/** Fill a select with [value, text] pairs and keep its choice where it is still there. */
export function fill(select, choices, chosen) {
    select.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
    select.value = choices.some(([value]) => value === chosen) ? chosen : (choices[0]?.[0] ?? "");
}

/** Links to files made here; the ones before them are given back. */
export function offer(place, files) {
    for (const link of place.querySelectorAll("a")) URL.revokeObjectURL(link.href);
    place.replaceChildren(
        ...files.map(({ title, name, blob }) => {
            const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
            const kind = blob.type.startsWith("image/") ? "img" : "video";
            const preview = Object.assign(document.createElement(kind), { src: link.href, alt: "", muted: true });
            link.append(preview, title);
            return link;
        }),
    );
}

/** Change a text where it differs: what is set anew is read out anew. */
export function setText(place, text) {
    if (place.textContent !== text) place.textContent = text;
}
