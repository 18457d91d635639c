// Before the page is left while something would be lost by it, the viewer is asked.

/**
 * @param {() => string} loss what would be lost now, as a sentence; nothing where nothing would be
 * @param {AbortSignal} signal ends the asking
 */
export function askBeforeLeaving(loss, signal) {
    const warn = (event) => {
        if (loss()) event.preventDefault(); // browsers ask in words of their own
    };
    const follow = (event) => {
        const link = event.composedPath().find((node) => node.tagName === "A" && node.href);
        if (!link || link.download || link.target === "_blank" || !loss() || confirm(`${loss()} Leave?`)) return;
        event.preventDefault();
        event.stopPropagation(); // a page that changes without being loaded anew listens too
    };
    addEventListener("beforeunload", warn, { signal });
    document.addEventListener("click", follow, { signal, capture: true });
}
