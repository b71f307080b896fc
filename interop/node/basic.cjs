// Basic RPC and publish/subscribe: one client library, transport and format.
// Options: --client autobahn|wampy --url URL --format json|msgpack|cbor
"use strict";

const assert = require("node:assert/strict");
const { Failure, join } = require("./clients.cjs");
const { Inbox, run } = require("./scenario.cjs");

const PARALLEL_CALLS_COUNT = 100;

const VALUES = [
  null,
  true,
  0,
  -1,
  255,
  65536,
  2 ** 31,
  Number.MAX_SAFE_INTEGER,
  0.5,
  -1.25e300,
  "",
  "Grüße, 日本語, \u{1f980}, quote \" backslash \\",
  [],
  {},
  [[[["deep"]]], { a: { b: [1, { c: null }] } }],
  "x".repeat(70000),
];

run(async ({ client, url, format }) => {
  const one = await join(client, url, format);
  const other = await join(client, url, format);
  assert.notEqual(one.id, other.id);
  const prefix = `interop.${client}.s${one.id}`;

  await calls(one, other, prefix);
  console.log("ok calls");
  await errors(one, other, prefix);
  console.log("ok errors");
  await events(client, one, other, prefix);
  console.log("ok events");
  await one.leave();
  await other.leave();
});

async function calls(callee, caller, prefix) {
  await callee.register(`${prefix}.echo`, (invocation) => invocation);
  const echo = (args, kwargs) => caller.call(`${prefix}.echo`, args, kwargs);

  assert.deepEqual(await echo(VALUES, { k: VALUES }), { args: VALUES, kwargs: { k: VALUES } });
  const binary = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  const { args } = await echo([caller.binary(binary)], { k: 1 });
  assert.deepEqual(caller.unbinary(args[0]), binary);

  const numbers = Array.from({ length: PARALLEL_CALLS_COUNT }, (_, n) => n);
  const results = await Promise.all(numbers.map((n) => echo([n], { n })));
  assert.deepEqual(results, numbers.map((n) => ({ args: [n], kwargs: { n } })));
}

async function errors(callee, caller, prefix) {
  await assert.rejects(caller.call(`${prefix}.nowhere`, [], {}), {
    uri: "wamp.error.no_such_procedure",
  });
  await callee.register(`${prefix}.fail`, () => {
    throw new Failure("interop.error.on_purpose", [7, "a"], { reason: { deep: [1] } });
  });
  await assert.rejects(caller.call(`${prefix}.fail`, [], {}), {
    uri: "interop.error.on_purpose",
    args: [7, "a"],
    kwargs: { reason: { deep: [1] } },
  });
}

async function events(client, publisher, subscriber, prefix) {
  const inbox = new Inbox();
  const hear = (who) => (event) => inbox.put({ who, ...event });
  await subscriber.subscribe(`${prefix}.topic`, hear("subscriber"));
  await publisher.subscribe(`${prefix}.topic`, hear("publisher"));
  await subscriber.subscribe(`${prefix}.last`, hear("last"));

  // By default the publisher does not hear its own event: the next one is the subscriber's.
  await publisher.publish(`${prefix}.topic`, VALUES, { k: VALUES });
  const expected = { args: VALUES, kwargs: { k: VALUES } };
  assert.deepEqual(await inbox.get(), { who: "subscriber", ...expected });
  await publisher.publish(`${prefix}.last`, [1], { k: 2 });
  assert.deepEqual(await inbox.get(), { who: "last", args: [1], kwargs: { k: 2 } });

  // wampy sends no option that is false, so only autobahn can ask for its own event.
  if (client === "autobahn") {
    await publisher.publish(`${prefix}.topic`, [3], {}, { exclude_me: false });
    const heard = [await inbox.get(), await inbox.get()];
    assert.deepEqual(heard.map(({ who }) => who).sort(), ["publisher", "subscriber"]);
  }
}
