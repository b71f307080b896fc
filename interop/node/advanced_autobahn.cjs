// What autobahn for Node has of the advanced profile; a step is given two sessions and a URI.
"use strict";

const assert = require("node:assert/strict");
const { Inbox } = require("./scenario.cjs");

const TO_ALL = { acknowledge: true };

async function progressiveResults({ raw: session }, _other, _uri, { prefix }) {
  const call = session.call(`${prefix}.count`, [3], {}, { receive_progress: true });
  const seen = [];
  call.onProgress = (value) => seen.push(value);
  assert.equal(await call, 3);
  assert.deepEqual(seen, [0, 1, 2]);
}

// As a callee it does not say that it can be interrupted, and is asked all the same.
async function progressiveResultsOfItsOwn({ raw: one }, { raw: other }, uri) {
  await other.register(uri, ([count], _kwargs, { progress }) => {
    for (let n = 0; n < count; n += 1) progress([n]);
    return count;
  });
  const call = one.call(uri, [3], {}, { receive_progress: true });
  const seen = [];
  call.onProgress = (value) => seen.push(value);
  assert.equal(await call, 3);
  assert.deepEqual(seen, [0, 1, 2]);
}

// The caller gets what the callee says about it, here autobahn-python's word for all exceptions.
// With the other modes this client does not wait for the reply, and takes it for a violation.
async function killing({ raw: session }, _other, _uri, { prefix }) {
  const call = session.call(`${prefix}.pending`);
  assert.equal(await session.call(`${prefix}.heard`), "invoked");
  call.cancel({ mode: "kill" });
  await assert.rejects(call, { error: "wamp.error.runtime_error" });
  assert.equal(await session.call(`${prefix}.heard`), "interrupted");
}

async function timeouts({ raw: session }, _other, _uri, { prefix }) {
  const call = session.call(`${prefix}.pending`, [], {}, { timeout: 100 });
  await assert.rejects(call, { error: "wamp.error.timeout" });
  assert.equal(await session.call(`${prefix}.heard`), "invoked");
  assert.equal(await session.call(`${prefix}.heard`), "interrupted");
}

async function disclosure({ raw: session }, { raw: other }, uri, { prefix }) {
  const me = [session.id, "backend", "backend"];
  const disclosed = { disclose_me: true };
  const who = (at, options) => session.call(`${at}.who`, [], {}, options).then((r) => r.args ?? r);
  assert.deepEqual(await who(prefix, disclosed), me);
  assert.deepEqual(await who(prefix, {}), [null, null, null]);
  const refused = { error: "wamp.error.option_disallowed.disclose_me" };
  await assert.rejects(who(`interop.hidden.${prefix}`, disclosed), refused);

  const inbox = new Inbox();
  const hear = (_args, _kwargs, event) =>
    inbox.put([event.publisher, event.publisher_authid, event.publisher_authrole]);
  await other.subscribe(uri, hear);
  await session.publish(uri, [], {}, { ...TO_ALL, ...disclosed });
  assert.deepEqual(await inbox.get(), me);
  await session.publish(uri, [], {}, TO_ALL);
  assert.deepEqual(await inbox.get(), [undefined, undefined, undefined]);
  const hidden = session.publish(`interop.hidden.${uri}`, [], {}, { ...TO_ALL, ...disclosed });
  await assert.rejects(hidden, refused);
}

async function sharing({ raw: one }, { raw: other }, uri) {
  const invoke = { invoke: "roundrobin" };
  await one.register(uri, () => 1, invoke);
  await other.register(uri, () => 2, invoke);
  const called = [];
  for (let n = 0; n < 4; n++) called.push(await one.call(uri));
  assert.deepEqual(called, [1, 2, 1, 2]);
  await assert.rejects(one.register(uri, () => 3, { invoke: "last" }), {
    error: "wamp.error.procedure_exists_with_different_invocation_policy",
  });
}

// A key belongs to one of the callees, and to one of the subscribers.
async function sharding({ raw: one }, { raw: other }, uri) {
  const invoke = { invoke: "roundrobin" };
  await one.register(uri, () => 1, invoke);
  await other.register(uri, () => 2, invoke);
  const call = (rkey) => one.call(uri, [], {}, { runmode: "partition", rkey });
  const keys = Array.from({ length: 32 }, (_, n) => `key${n}`);
  const called = [];
  for (const key of keys) called.push(await call(key));
  for (const [n, key] of keys.entries()) assert.equal(await call(key), called[n]);
  assert.deepEqual([...new Set(called)].sort(), [1, 2]);
  await assert.rejects(one.call(uri, [], {}, { runmode: "all" }), {
    error: "wamp.error.option_not_allowed",
  });

  const inbox = new Inbox();
  for (const [nkey, session] of Object.entries({ one, other })) {
    await session.subscribe(uri, ([key]) => inbox.put([nkey, key]), { nkey });
  }
  const publish = (rkey) =>
    one.publish(uri, [rkey], {}, { ...TO_ALL, exclude_me: false, rkey });
  const heard = async () => {
    for (const key of keys) await publish(key);
    const events = await Promise.all(keys.map(inbox.get));
    return Object.fromEntries(events.map(([nkey, key]) => [key, nkey]));
  };
  const first = await heard();
  assert.equal(Object.keys(first).length, keys.length);
  assert.deepEqual([...new Set(Object.values(first))].sort(), ["one", "other"]);
  assert.deepEqual(await heard(), first);
}

async function patterns({ raw: one }, { raw: other }, uri) {
  await other.register(uri, (_args, _kwargs, { procedure }) => procedure, { match: "prefix" });
  assert.equal(await one.call(`${uri}.a`), `${uri}.a`);

  const inbox = new Inbox();
  const hear = (match) => (_args, _kwargs, { topic }) => inbox.put([match, topic]);
  await other.subscribe(uri, hear("prefix"), { match: "prefix" });
  await other.subscribe(`${uri}..b`, hear("wildcard"), { match: "wildcard" });
  await one.publish(`${uri}.a.c`, [], {}, TO_ALL);
  assert.deepEqual(await inbox.get(), ["prefix", `${uri}.a.c`]);
  await one.publish(`${uri}.a.b`, [], {}, TO_ALL);
  const events = [await inbox.get(), await inbox.get()].sort();
  assert.deepEqual(events, [
    ["prefix", `${uri}.a.b`],
    ["wildcard", `${uri}.a.b`],
  ]);
}

async function lists({ raw: one }, { raw: other }, uri, { join }) {
  const third = await join();
  const inboxes = [new Inbox(), new Inbox()];
  await other.subscribe(uri, ([value]) => inboxes[0].put(value));
  await third.raw.subscribe(uri, ([value]) => inboxes[1].put(value));
  const publications = [
    [{ exclude: [other.id] }, [1]],
    [{ eligible: [other.id] }, [0]],
    [{ eligible: [third.id, other.id], exclude: [third.id] }, [0]],
    [{ exclude_authid: ["backend"] }, []],
    [{ eligible_authid: ["backend"] }, [0, 1]],
    [{ exclude_authrole: ["backend"] }, []],
    [{ eligible_authrole: ["backend", "nobody"] }, [0, 1]],
  ];
  for (const [n, [options]] of publications.entries()) {
    await one.publish(uri, [n], {}, { ...TO_ALL, ...options });
  }
  await one.publish(uri, ["end"], {}, TO_ALL);
  for (const [place, inbox] of inboxes.entries()) {
    const due = [...publications.keys()].filter((n) => publications[n][1].includes(place));
    for (const value of [...due, "end"]) assert.equal(await inbox.get(), value);
  }
  await third.leave();
}

async function retention({ raw: one }, { raw: other }, uri) {
  const inbox = new Inbox();
  await one.publish(uri, ["old"], {}, { ...TO_ALL, retain: true });
  await one.publish(uri, ["kept"], {}, { ...TO_ALL, retain: true });
  await one.publish(uri, ["not kept"], {}, TO_ALL);
  const hear = ([value], _kwargs, { retained }) => inbox.put([value, retained]);
  await other.subscribe(uri, hear, { get_retained: true });
  assert.deepEqual(await inbox.get(), ["kept", true]);
  await one.publish(uri, ["new"], {}, TO_ALL);
  assert.deepEqual(await inbox.get(), ["new", false]);
}

async function revocation({ raw: one }, { raw: other }, uri) {
  const reason = "com.example.enough";
  const registration = await other.register(uri, () => null);
  await one.call("wamp.registration.remove_callee", [registration.id, other.id], { reason });
  assert.equal(await registration.on_unregister, reason);
  await assert.rejects(one.call(uri), { error: "wamp.error.no_such_procedure" });

  const again = await other.register(uri, () => "other");
  await one.register(uri, () => "one", { force_reregister: true });
  await again.on_unregister;
  assert.equal(await other.call(uri), "one");

  const subscription = await other.subscribe(uri, () => assert.fail("an event after its end"));
  await one.call("wamp.subscription.remove_subscriber", [subscription.id, other.id], { reason });
  assert.equal(await subscription.on_unsubscribe, reason);
  await one.publish(uri, [], {}, TO_ALL);
  assert.equal(await other.call(uri), "one");
}

module.exports = [
  progressiveResults,
  progressiveResultsOfItsOwn,
  killing,
  timeouts,
  disclosure,
  sharing,
  sharding,
  patterns,
  lists,
  retention,
  revocation,
];
