// What wampy has of the advanced profile; a step is given two sessions and a URI.
"use strict";

const assert = require("node:assert/strict");
const { Inbox } = require("./scenario.cjs");

async function progressiveResults({ raw: client }, _other, _uri, { prefix }) {
  const seen = [];
  const progress_callback = ({ argsList }) => seen.push(argsList[0]);
  const result = await client.call(`${prefix}.count`, [3], { progress_callback });
  assert.deepEqual(result.argsList, [3]);
  assert.deepEqual(seen, [0, 1, 2]);
}

// The callee is interrupted but in mode `skip`. In mode `kill` the caller gets what the callee says
// about it, otherwise at once what the router says.
async function canceling({ raw: client }, _other, _uri, { prefix }) {
  const heard = async () => (await client.call(`${prefix}.heard`)).argsList[0];
  const start = async () => {
    const call = client.call(`${prefix}.pending`);
    const { reqId } = client.getOpStatus();
    assert.equal(await heard(), "invoked");
    return [call, reqId];
  };
  const errors = {
    skip: "wamp.error.canceled",
    kill: "wamp.error.runtime_error",
    killnowait: "wamp.error.canceled",
  };
  for (const [mode, errorUri] of Object.entries(errors)) {
    const [call, request] = await start();
    client.cancel(request, { mode });
    await assert.rejects(call, { errorUri }, mode);
    if (mode !== "skip") assert.equal(await heard(), "interrupted", mode);
  }
}

async function timeouts({ raw: client }, _other, _uri, { prefix }) {
  const heard = async () => (await client.call(`${prefix}.heard`)).argsList[0];
  const call = client.call(`${prefix}.pending`, null, { timeout: 100 });
  await assert.rejects(call, { errorUri: "wamp.error.timeout" });
  assert.deepEqual([await heard(), await heard()], ["invoked", "interrupted"]);
}

// Who asks is disclosed; the trust level of its role is told in any case.
async function disclosure({ raw: client, id }, { raw: other }, uri) {
  const trustlevel = 7;
  await other.register(uri, ({ details }) => ({ argsList: [details] }));
  const details = async (options) => (await client.call(uri, null, options)).argsList[0];
  const caller = { caller: id, caller_authid: "backend", caller_authrole: "backend" };
  assert.deepEqual(await details({ disclose_me: true }), { ...caller, trustlevel });
  assert.deepEqual(await details({}), { trustlevel });

  const inbox = new Inbox();
  await other.subscribe(uri, (event) => inbox.put(event.details));
  await client.publish(uri, [1], { disclose_me: true });
  const publisher = { publisher: id, publisher_authid: "backend", publisher_authrole: "backend" };
  assert.deepEqual(await inbox.get(), { ...publisher, trustlevel });
  await client.publish(uri, [2]);
  assert.deepEqual(await inbox.get(), { trustlevel });
  await assert.rejects(client.publish(`interop.hidden.${uri}`, [3], { disclose_me: true }), {
    errorUri: "wamp.error.option_disallowed.disclose_me",
  });
}

async function payloadPassthru({ raw: client }, { raw: other }, uri) {
  const passthru = { ppt_scheme: "x_interop", ppt_serializer: "json", ppt_keyid: "key1" };
  const payload = { argsList: [1, [2, "drei"]], argsDict: { key: { deep: null } } };
  const inbox = new Inbox();
  await other.subscribe(uri, inbox.put);
  await client.publish(uri, payload, passthru);
  const { details: ofEvent, ...event } = await inbox.get();
  assert.deepEqual(event, payload);
  assert.deepEqual(ofEvent, { ...passthru, trustlevel: 7 });

  const answer = { ...passthru, ppt_keyid: "key2" };
  await other.register(uri, ({ details, argsList, argsDict }) => {
    inbox.put(details);
    return { argsList: [argsList, argsDict], options: answer };
  });
  const result = await client.call(uri, payload, passthru);
  assert.deepEqual(await inbox.get(), { ...passthru, trustlevel: 7 });
  assert.deepEqual(result.argsList, [payload.argsList, payload.argsDict]);
  assert.deepEqual(result.details, answer);
}

// wampy makes and takes calls in parts, but does not announce it.
function announceParts({ caller, callee }) {
  caller.features.progressive_call_invocations = true;
  callee.features.progressive_call_invocations = true;
  callee.features.progressive_call_results = true;
  callee.features.call_canceling = true;
}

async function progressiveInvocations(_one, _other, uri, { join }) {
  const [caller, callee] = [await join(announceParts), await join(announceParts)];
  let sum = 0;
  await callee.raw.register(uri, ({ argsList, details }) => {
    sum += argsList[0];
    return { argsList: [sum], options: details.progress ? { progress: true } : {} };
  });
  const sums = new Inbox();
  const progress_callback = ({ argsList }) => sums.put(argsList[0]);
  const { result, sendData } = caller.raw.progressiveCall(uri, [1], { progress_callback });
  assert.equal(await sums.get(), 1);
  sendData([2], { progress: true });
  assert.equal(await sums.get(), 3);
  sendData([3], { progress: false });
  assert.deepEqual((await result).argsList, [6]);
  await caller.leave();
  await callee.leave();
}

// A callee that does not take parts is not called.
async function wholeCallsOnly(_one, { raw: callee }, uri, { join }) {
  const caller = await join(announceParts);
  await callee.register(uri, () => assert.fail("an invocation in parts"));
  const { result } = caller.raw.progressiveCall(uri, [1]);
  await assert.rejects(result, { errorUri: "wamp.error.feature_not_supported" });
  await caller.leave();
}

async function sharing({ raw: one }, { raw: other }, uri) {
  const invoke = { invoke: "roundrobin" };
  await one.register(uri, () => ({ argsList: [1] }), invoke);
  await other.register(uri, () => ({ argsList: [2] }), invoke);
  const called = [];
  for (let n = 0; n < 4; n++) called.push((await one.call(uri)).argsList[0]);
  assert.deepEqual(called, [1, 2, 1, 2]);
}

async function patterns({ raw: one }, { raw: other }, uri) {
  const procedure = ({ details }) => ({ argsList: [details.procedure] });
  await other.register(uri, procedure, { match: "prefix" });
  assert.deepEqual((await one.call(`${uri}.a`)).argsList, [`${uri}.a`]);

  const inbox = new Inbox();
  const hear = ({ details }) => inbox.put(details.topic);
  await other.subscribe(`${uri}..b`, hear, { match: "wildcard" });
  await one.publish(`${uri}.a.c`, [1]);
  await one.publish(`${uri}.a.b`, [2]);
  assert.equal(await inbox.get(), `${uri}.a.b`);
}

async function lists({ raw: one }, { raw: other, id }, uri) {
  const inbox = new Inbox();
  await other.subscribe(uri, ({ argsList }) => inbox.put(argsList[0]));
  await one.publish(uri, ["excluded"], { exclude: [id] });
  await one.publish(uri, ["not eligible"], { eligible_authrole: ["nobody"] });
  await one.publish(uri, ["excluded with its role"], { exclude_authrole: ["backend"] });
  await one.publish(uri, ["eligible"], { eligible: [id], eligible_authid: ["backend"] });
  assert.equal(await inbox.get(), "eligible");
}

module.exports = [
  progressiveResults,
  canceling,
  timeouts,
  disclosure,
  payloadPassthru,
  progressiveInvocations,
  wholeCallsOnly,
  sharing,
  patterns,
  lists,
];
