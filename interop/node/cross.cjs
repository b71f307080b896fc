// The Node side of a conversation with autobahn-python, started by cross.py.
// Options: --client autobahn|wampy --url URL --format json|msgpack|cbor --prefix URI
"use strict";

const assert = require("node:assert/strict");
const { join } = require("./clients.cjs");
const { Inbox, run } = require("./scenario.cjs");

// cross.py expects the same values.
const BYTES = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
const VALUES = ["Grüße \u{1f980}", 7, -1.5, null, true, [1, [2, { deep: [] }]]];

// wampy reads CBOR byte strings as Uint8Array, but writes a Uint8Array as a typed array (tag 64).
// A Buffer it writes as a byte string, which is what an echo has to be.
function buffers(value) {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(buffers);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, buffers(inner)]));
}

run(async ({ client, url, format, prefix }) => {
  const session = await join(client, url, format);
  const inbox = new Inbox();
  await session.register(`${prefix}.node.echo`, buffers);
  await session.subscribe(`${prefix}.to_node`, inbox.put);

  // This client calls the Python callee: what went out comes back.
  const binary = session.binary(BYTES);
  const { args, kwargs } = await session.call(`${prefix}.echo`, [...VALUES, binary], { binary });
  assert.deepEqual(args.slice(0, -1), VALUES);
  assert.deepEqual(session.unbinary(args.at(-1)), BYTES);
  assert.deepEqual(session.unbinary(kwargs.binary), BYTES);
  console.log("ok call from Node to Python");

  await session.publish(`${prefix}.to_python`, [...VALUES, binary], { binary });

  // The Python side now calls this client, checks what comes back, and publishes.
  await session.call(`${prefix}.your_turn`, [], {});
  const event = await inbox.get();
  assert.deepEqual(event.args.slice(0, -1), VALUES);
  assert.deepEqual(session.unbinary(event.args.at(-1)), BYTES);
  console.log("ok event from Python to Node");
  await session.leave();
});
