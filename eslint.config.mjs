// ESLint's own recommendations for the live page's modules and their tests.

import js from "@eslint/js";
import globals from "globals";

export default [
    js.configs.recommended,
    { files: ["app/live/web/*.mjs"], languageOptions: { globals: { ...globals.browser, ...globals.worker } } },
    { files: ["tests/browser/node/*.mjs"], languageOptions: { globals: globals.node } },
];
