// A minimal client without a library: Varlink is JSON over a Unix socket, with a NUL after each message.
//
//   node client.mjs DST GATEWAY      adds a route, prints it, and prints the error of adding it again

import net from "node:net";

const socket = net.connect(process.env.NLD_SOCKET || "/run/nld/io.nld");
const waiting = []; // calls, in the order of their replies
let buffer = Buffer.alloc(0);

socket.on("data", (chunk) => {
  buffer = Buffer.concat([buffer, chunk]);
  for (let end; (end = buffer.indexOf(0)) >= 0; buffer = buffer.subarray(end + 1)) {
    const reply = JSON.parse(buffer.subarray(0, end).toString("utf8"));
    const { resolve, reject } = waiting.shift();
    reply.error ? reject(reply) : resolve(reply.parameters);
  }
});
socket.on("close", () => waiting.forEach(({ reject }) => reject({ error: "closed" })));

function call(method, parameters) {
  return new Promise((resolve, reject) => {
    waiting.push({ resolve, reject });
    socket.write(JSON.stringify({ method: `io.nld.${method}`, parameters }) + "\0");
  });
}

const [dst, gateway] = process.argv.slice(2);
console.log(await call("Add", { routes: [{ dst, gateway }] }));
const { routes } = await call("Get", { key: { dst } });
console.log(routes[0].dst, routes[0].gateway);
await call("Add", { routes: [{ dst, gateway }] }).catch(({ error, parameters }) =>
  console.log(error, parameters.errno),
);
socket.end();
