// The advanced profile with autobahn or wampy, started by advanced_cross.py.
// Options: --client autobahn|wampy --url URL --format json|msgpack|cbor --prefix URI
// The role behind the URL is `backend`, which the router trusts on level 7.
"use strict";

const { join } = require("./clients.cjs");
const { run } = require("./scenario.cjs");

run(async ({ client, url, format, prefix }) => {
  const steps = { autobahn: require("./advanced_autobahn.cjs"), wampy: require("./advanced_wampy.cjs") };
  const joinMore = (announce) => join(client, url, format, announce);
  const one = await joinMore();
  const other = await joinMore();
  for (const step of steps[client]) {
    await step(one, other, `${prefix}.${step.name}`, { prefix, join: joinMore });
    console.log(`ok ${step.name}`);
  }
  await one.leave();
  await other.leave();
});
