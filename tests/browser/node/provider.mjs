// A real OpenID Connect provider on this machine, for the tests of the log-in: whoever names an account is in, without a
// password. Port, and where it may send people back to, are given.
//
//     node tests/browser/node/provider.mjs 9000 http://localhost:8501/oauth2callback

import { Provider } from "oidc-provider";

const [port, redirectUri] = process.argv.slice(2);
const client = { client_id: "sharpcam", client_secret: "a secret of the tests", redirect_uris: [redirectUri] };

const provider = new Provider(`http://localhost:${port}`, {
    clients: [{ ...client, post_logout_redirect_uris: [redirectUri] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: false, // Streamlit reads the ID token, as most providers fill it
    pkce: { required: () => true },
    findAccount: (_, name) => ({
        accountId: name,
        claims: () => ({ sub: name, name, email: `${name}@example.org`, email_verified: name !== "unverified" }),
    }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
