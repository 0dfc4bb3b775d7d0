/*
 * Clients that others have written, against smtpdb-web: what Mailpit's and
 * MailHog's users call.
 *
 *	node clients.mjs URL SMTP-PORT
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

import { MailpitClient } from "mailpit-api";

import { send } from "./smtp.mjs";

const [url, smtp] = process.argv.slice(2);
const require = createRequire(import.meta.url);
let passed = 0;

async function test(name, run) {
  await run();
  passed += 1;
  if (process.env.V) console.log(name);
}

const rich = (subject) => `From: "Ann" <ann@a.example>
To: bob@b.example
Subject: ${subject}
Message-ID: <${subject.replace(/ /g, "-")}@a.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/alternative; boundary=n

--n
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

plain =FCber ${subject}
--n
Content-Type: text/html

<b>html</b>
--n--
--m
Content-Type: image/png
Content-Disposition: attachment; filename=a.png
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--m--
`;

/* mailpit-api */
const pit = new MailpitClient(url);
await test("deleteMessages, all", async () => {
  await send(smtp, rich("old"));
  assert.equal(await pit.deleteMessages(), "ok");
  assert.equal((await pit.listMessages()).total, 0);
});
await send(smtp, rich("first mail"), ["bob@b.example", "hidden@h.example"]);
await send(smtp, rich("second mail"));
await test("getInfo", async () => assert.equal((await pit.getInfo()).Messages, 2));
await test("getConfiguration", async () => assert.equal((await pit.getConfiguration()).SpamAssassin, false));
await test("listMessages", async () => {
  const list = await pit.listMessages(0, 1);
  assert.deepEqual([list.total, list.count, list.messages[0].Subject], [2, 1, "second mail"]);
});
await test("searchMessages", async () => {
  const found = await pit.searchMessages({ query: 'subject:"first mail"' });
  assert.deepEqual(found.messages.map((m) => m.Bcc[0].Address), ["hidden@h.example"]);
});
const found = (await pit.searchMessages({ query: "first" })).messages[0];
await test("getMessageSummary", async () => {
  const mail = await pit.getMessageSummary(found.ID);
  assert.equal(mail.Text.trim(), "plain über first mail");
  assert.equal(mail.HTML.trim(), "<b>html</b>");
  assert.equal(mail.Attachments[0].FileName, "a.png");
  assert.equal((await pit.getMessageSummary()).Subject, "second mail");
});
await test("getMessageHeaders", async () =>
  assert.deepEqual((await pit.getMessageHeaders(found.ID)).Subject, ["first mail"]));
await test("getMessageSource", async () =>
  assert.match(await pit.getMessageSource(found.ID), /^Return-Path: /));
await test("getMessageAttachment", async () => {
  const mail = await pit.getMessageSummary(found.ID);
  const got = await pit.getMessageAttachment(found.ID, mail.Attachments[0].PartID);
  assert.equal((await new Response(got).arrayBuffer()).byteLength, 8);
  assert.ok(await pit.getAttachmentThumbnail(found.ID, mail.Attachments[0].PartID));
});
await test("renderMessageHTML, Text", async () => {
  assert.match(await pit.renderMessageHTML(found.ID), /<b>html<\/b>/);
  assert.match(await pit.renderMessageText(found.ID), /über/);
});
await test("setReadStatus", async () => {
  await pit.setReadStatus({ IDs: [found.ID], Read: false });
  assert.equal((await pit.searchMessages({ query: "is:unread first" })).count, 1);
  await pit.setReadStatus({ Read: true });
  assert.equal((await pit.listMessages()).unread, 0);
});
await test("getTags", async () => assert.deepEqual(await pit.getTags(), []));
await test("waitForMessage", async () => {
  setTimeout(() => send(smtp, rich("awaited")), 300);
  const mail = await pit.waitForMessage({ query: "awaited" }, { timeout: 60000, interval: 100 });
  assert.equal(mail.Subject, "awaited");
});
await test("deleteMessagesBySearch", async () => {
  await pit.deleteMessagesBySearch({ query: "awaited" });
  assert.equal((await pit.listMessages()).total, 2);
});
await test("deleteMessages, by id", async () => {
  await pit.deleteMessages({ IDs: [found.ID] });
  assert.equal((await pit.listMessages()).total, 1);
});

/* cypress-mailpit, with as little of Cypress as its commands ask of it. */
const commands = {};
const wrap = (value) => Promise.resolve(value);
globalThis.Cypress = {
  expose: () => url,
  env: () => url,
  Commands: { add: (name, options, run) => { commands[name] = run; } },
};
globalThis.cy = {
  env: () => wrap({}),
  wrap,
  wait: (ms) => new Promise((done) => setTimeout(done, ms)),
  request: async ({ method, url: at, qs, body }) => {
    const target = new URL(at);
    for (const [name, value] of Object.entries(qs ?? {})) target.searchParams.set(name, value);
    const answer = await fetch(target, { method, body: body && JSON.stringify(body),
      headers: body ? { "Content-Type": "application/json" } : {} });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${target}: ${answer.status} ${text}`);
    return { status: answer.status, body: /json/.test(answer.headers.get("Content-Type")) ? JSON.parse(text) : text };
  },
};
const file = require.resolve("cypress-mailpit").replace(/index\.js$/, "src/MailpitCommands.js");
const source = readFileSync(file, "utf8").replace(/^export /gm, "");
const MailpitCommands = new Function(`${source.replace(/^import .*$/gm, "")}\nreturn MailpitCommands;`)();
const cypress = new MailpitCommands();
await send(smtp, rich("for cypress"), ["carl@c.example"]);
await test("mailpitGetAllMails", async () =>
  assert.equal((await cypress.mailpitGetAllMails()).total, 2));
const mail = await cypress.mailpitGetMail();
await test("mailpitGetSubject and the like", async () => {
  assert.equal(await cypress.mailpitGetSubject(mail), "for cypress");
  assert.equal(await cypress.mailpitGetFromAddress(mail), "ann@a.example");
  assert.deepEqual(await cypress.mailpitGetRecipientAddress(mail), ["bob@b.example"]);
  assert.match(await cypress.mailpitGetMailTextBody(mail), /über/);
  assert.match(await cypress.mailpitGetMailHTMlBody(mail), /html/);
  assert.equal((await cypress.mailpitGetAttachments(mail)).length, 1);
});
await test("mailpitHasEmailsBySubject, ByTo, BySearch", async () => {
  await cypress.mailpitHasEmailsBySubject("for cypress", 0, 50, { timeout: 60000 });
  await cypress.mailpitHasEmailsByTo("carl@c.example", 0, 50, { timeout: 60000 });
  await cypress.mailpitHasEmailsBySearch("cypress", 0, 50, { timeout: 60000 });
  await cypress.mailpitNotHasEmailsBySubject("nonsense", 0, 50, { timeout: 60000 });
  assert.equal((await cypress.mailpitGetEmailsByTo("carl@c.example")).messages_count, 1);
});
await test("mailpitSetStatusAsRead and the like", async () => {
  await cypress.mailpitSetStatusAsUnRead([mail]);
  await cypress.mailpitSetAllEmailStatusAsUnRead();
  assert.equal((await cypress.mailpitGetAllMails()).unread, 2);
  await cypress.mailpitSetAllEmailStatusAsRead();
  assert.equal((await cypress.mailpitGetAllMails()).unread, 0);
});
await test("mailpitDeleteEmailsBySearch, AllEmails", async () => {
  await cypress.mailpitDeleteEmailsBySearch("cypress");
  assert.equal((await cypress.mailpitGetAllMails()).total, 1);
  await cypress.mailpitDeleteAllEmails();
  assert.equal((await cypress.mailpitGetAllMails()).total, 0);
});

/* mailhog */
const { hostname, port } = new URL(url);
const hog = require("mailhog")({ host: hostname, port });
await send(smtp, rich("for mailhog"), ["dora@d.example"]);
await send(smtp, "Subject: =?utf-8?b?R3LDvMOfZQ==?=\nFrom: ann@a.example\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n=FCber\n");
await test("messages", async () => {
  const list = await hog.messages(0, 10);
  assert.deepEqual([list.total, list.items[0].subject], [2, "Grüße"]);
  assert.equal(list.items[0].text.trim(), "über");
});
await test("latestTo, latestFrom, latestContaining, search", async () => {
  const got = await hog.latestTo("dora@d.example");
  assert.equal(got.subject, "for mailhog");
  assert.match(got.text, /plain über/);
  assert.match(got.html, /<b>html/);
  assert.deepEqual(got.attachments.map((a) => [a.name, a.type, a.encoding, a.Body]),
    [["a.png", "image/png", "base64", "iVBORw0KGgo="]]);
  assert.equal((await hog.latestFrom("ann@a.example")).subject, "Grüße");
  assert.equal((await hog.latestContaining("plain")).subject, "for mailhog");
  assert.equal((await hog.search("mailhog")).total, 1);
});
await test("deleteMessage, deleteAll", async () => {
  const [one] = (await hog.messages()).items;
  assert.equal((await hog.deleteMessage(one.ID)).statusCode, 200);
  assert.equal((await hog.messages()).total, 1);
  await hog.deleteAll();
  assert.equal((await hog.messages()).total, 0);
});

console.log(`web/clients: ${passed} passed, 0 failed`);
