// Signs in and out as a person does: node signin.mjs URL FOREIGN
// FOREIGN is the address of another site, the issuer's. Prints one JSON object:
// {"problems": [...], "steps": n}.
import { chromium } from "playwright-core";

const [, , base, foreign] = process.argv;
const problems = [];
let steps = 0;
const must = (ok, what) => { steps++; if (!ok) problems.push(what); };

const browser = await chromium.launch({ executablePath: process.env.DOSEBOOK_CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
const context = await browser.newContext({ ignoreHTTPSErrors: true });
const page = await context.newPage();
page.setDefaultTimeout(20000);
const session = async () => (await context.cookies()).find((c) => c.name === "__Host-dosebook");
const atIssuer = () => page.url().startsWith(foreign);

// A page that needs a person leads to the issuer, and back.
await page.goto(base + "/counties/06019");
must(atIssuer(), "a page for people leads to the issuer: " + page.url());
must(!(await session()), "no session before the sign-in");
await page.locator("input[name=login]").fill("ana");
await page.locator("input[name=password]").fill("any");
await page.locator("button[type=submit]").click();
for (let i = 0; i < 3 && atIssuer(); i++) await page.locator("button[type=submit]").click(); // consent
must(/\/releases\/[^/]+\/counties\/06019$/.test(page.url()), "back to the page that was asked for: " + page.url().replace(/\?.*/, ""));
must(await page.getByRole("heading", { level: 1, name: "Fresno County" }).isVisible(), "own county is shown");
must((await page.locator("table").count()) > 0, "with its figures");
const cookie = await session();
must(cookie && cookie.secure && cookie.httpOnly && cookie.sameSite === "Lax" && cookie.path === "/" && cookie.expires === -1, "the session's cookie: " + JSON.stringify({ ...cookie, value: "" }));
must((await page.evaluate(() => document.cookie)) === "", "a script sees no cookie");
must(!(await context.cookies()).some((c) => c.name.includes("signin")), "the flow's cookie is gone");

// What is another's stays another's.
const other = await page.goto(base + "/counties/06037");
must(other.status() === 403 && (await page.locator("table").count()) === 0, "another county is refused");
const list = await page.goto(base + "/overview");
must(list.status() === 200 && !(await page.locator("main").innerText()).includes("Los Angeles"), "the overview shows own places only");

// A form of another site does nothing, although the browser has a session.
await page.goto(foreign + "/.well-known/openid-configuration");
await page.evaluate((to) => { const f = document.createElement("form"); f.method = "post"; f.action = to; document.body.append(f); f.submit(); }, base + "/signout");
await page.waitForURL(base + "/signout");
must((await (await context.request.get(base + "/api/v1/session")).status()) === 200, "another site's form signs nobody out");

// Sign-out, here and at the issuer.
await page.goto(base + "/access");
await page.getByRole("button", { name: /sign out/i }).click();
must(atIssuer(), "sign-out goes on at the issuer: " + page.url().replace(/\?.*/, ""));
must(!(await session()), "the browser has no session after sign-out");
await page.locator("button[type=submit], button").first().click();
await page.waitForURL(base + "/");
must(true, "and leads back here");
const after = await context.request.get(base + "/api/v1/session");
must(after.status() === 401, "after sign-out: " + after.status());
await context.addCookies([{ ...cookie }]);
const again = await context.request.get(base + "/api/v1/session");
must(again.status() === 401, "the old cookie opens nothing: " + again.status());
const file = await context.request.get(base + "/api/v1/releases/latest/counties/06019/dose.csv", { maxRedirects: 0 });
must(file.status() === 401, "nor a file: " + file.status());
await context.clearCookies({ name: "__Host-dosebook" });
await page.goto(base + "/overview");
must(atIssuer() && (await page.locator("input[name=login]").count()) === 1, "who comes again is asked who they are: " + page.url().replace(/\?.*/, ""));

await browser.close();
console.log(JSON.stringify({ problems, steps }));
