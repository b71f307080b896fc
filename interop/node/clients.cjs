// One interface over two third-party clients, autobahn and wampy, so that both run the same scenarios.
//
// join(client, url, format, announce) resolves to a session:
//   call(uri, args, kwargs)            resolves to {args, kwargs}, or throws a Failure
//   register(uri, ({args, kwargs}) => {args, kwargs})     a handler may throw a Failure
//   subscribe(uri, ({args, kwargs}) => …)
//   publish(uri, args, kwargs, options)  resolves when acknowledged
//   leave()                            resolves when the connection has ended
//   raw                                the client's own session, for what only one of them has
//   binary(buffer), unbinary(value)    binary values in the form that this format has for them
"use strict";

// Both clients expect a global WebSocket, which Node has only from version 22 on.
globalThis.WebSocket ??= require("ws");

const REALM = "realm1";

// wampy passes custom options through as they are, so this one is `undefined` on the wire:
// ext 0 in MessagePack, 0xf7 in CBOR. To the router it must be as good as absent.
const UNDEFINED_OPTION = { _interop: undefined };

class Failure extends Error {
  constructor(uri, args = [], kwargs = {}) {
    super(uri);
    Object.assign(this, { uri, args, kwargs });
  }
}

// WAMP has one place for "no arguments" and for "empty arguments"; scenarios need not care.
const payload = (args, kwargs) => ({ args: args ?? [], kwargs: kwargs ?? {} });

// Neither client knows the binary convention of WAMP's JSON, so scenarios spell it out.
function binaryConvention(format) {
  if (format !== "json") {
    return { binary: (buffer) => buffer, unbinary: (value) => Buffer.from(value) };
  }
  return {
    binary: (buffer) => "\0" + buffer.toString("base64"),
    unbinary: (value) => Buffer.from(value.slice(1), "base64"),
  };
}

// A promise, and an `onProgress` of it that is given the progressive results of a call.
function deferred() {
  const own = {};
  own.promise = new Promise((resolve, reject) => Object.assign(own, { resolve, reject }));
  own.notify = (value) => own.promise.onProgress?.(value);
  return own;
}

function joinAutobahn(url, format) {
  const autobahn = require("autobahn");
  const serializers = {
    json: autobahn.serializer.JSONSerializer,
    msgpack: autobahn.serializer.MsgpackSerializer,
    cbor: autobahn.serializer.CBORSerializer,
  };
  const { protocol, hostname, port } = new URL(url);
  const transport =
    protocol === "rs:"
      ? { type: "rawsocket", host: hostname, port: Number(port) }
      : { type: "websocket", url, serializers: [new serializers[format]()] };
  const connection = new autobahn.Connection({
    realm: REALM,
    transports: [transport],
    use_deferred: deferred,
    max_retries: 0,
  });

  const failure = (error) =>
    error instanceof autobahn.Error ? new Failure(error.error, error.args, error.kwargs) : error;
  // A result that is a single value without keywords comes bare.
  const unpack = (result) =>
    result instanceof autobahn.Result
      ? payload(result.args, result.kwargs)
      : payload(result === null ? [] : [result]);

  return new Promise((resolve, reject) => {
    const closed = new Promise((done) => {
      connection.onclose = (reason, details) => {
        reject(new Error(`not joined: ${reason} ${JSON.stringify(details)}`));
        done(details.reason);
        return true;
      };
    });
    connection.onopen = (session) =>
      resolve({
        id: session.id,
        raw: session,
        ...binaryConvention(format),
        call: (uri, args, kwargs) =>
          session.call(uri, args, kwargs).then(unpack, (error) => Promise.reject(failure(error))),
        register: (uri, handler) =>
          session.register(uri, async (args, kwargs) => {
            try {
              const result = await handler(payload(args, kwargs));
              return new autobahn.Result(result.args, result.kwargs);
            } catch (error) {
              throw error instanceof Failure
                ? new autobahn.Error(error.uri, error.args, error.kwargs)
                : error;
            }
          }),
        subscribe: (uri, handler) =>
          session.subscribe(uri, (args, kwargs) => handler(payload(args, kwargs))),
        publish: (uri, args, kwargs, options) =>
          session.publish(uri, args, kwargs, { acknowledge: true, ...options }),
        leave: () => {
          connection.close();
          return closed;
        },
      });
    connection.open();
  });
}

async function joinWampy(url, format, announce = () => {}) {
  const { Wampy } = require("wampy");
  const serializers = {
    json: () => new (require("wampy/JsonSerializer.js").JsonSerializer)(),
    msgpack: () => new (require("wampy/MsgpackSerializer.js").MsgpackSerializer)(),
    cbor: () => new (require("wampy/CborSerializer.js").CborSerializer)(),
  };
  const client = new Wampy(url, {
    realm: REALM,
    serializer: serializers[format](),
    ws: globalThis.WebSocket,
    autoReconnect: false,
  });
  announce(client._wamp_features.roles);
  await client.connect();

  const unpack = ({ argsList, argsDict }) => payload(argsList, argsDict);
  const pack = (args, kwargs) => ({ argsList: args, argsDict: kwargs });
  return {
    id: client.getSessionId(),
    raw: client,
    ...binaryConvention(format),
    call: (uri, args, kwargs) =>
      client.call(uri, pack(args, kwargs), UNDEFINED_OPTION).then(unpack, (error) => {
        throw error.errorUri ? new Failure(error.errorUri, error.argsList, error.argsDict) : error;
      }),
    register: (uri, handler) =>
      client.register(
        uri,
        async (invocation) => {
          try {
            const result = await handler(unpack(invocation));
            return { ...pack(result.args, result.kwargs), options: UNDEFINED_OPTION };
          } catch (error) {
            throw error instanceof Failure
              ? { error: error.uri, ...pack(error.args, error.kwargs) }
              : error;
          }
        },
        UNDEFINED_OPTION,
      ),
    subscribe: (uri, handler) =>
      client.subscribe(uri, (event) => handler(unpack(event)), UNDEFINED_OPTION),
    publish: (uri, args, kwargs, options) =>
      client.publish(uri, pack(args, kwargs), { ...UNDEFINED_OPTION, ...options }),
    leave: () => client.disconnect(),
  };
}

// `announce` may change what wampy says that it can do.
const join = (client, url, format, announce) =>
  ({ autobahn: joinAutobahn, wampy: joinWampy })[client](url, format, announce);

module.exports = { Failure, join };
