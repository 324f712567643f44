// Node as a peer: fastify and undici, one process.  node node.mjs LISTENING-FD FOLDER-OF-PACKAGES
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";

const require = createRequire(process.argv[3] + "/");
const fastify = require("fastify")({ logger: false });
const { Pool } = require("undici");

const pool = (name) => new Pool(process.env[name], { connections: 4096, bodyTimeout: 0,
  headersTimeout: 0 });
const users = pool("BENCH_USERS"), orders = pool("BENCH_ORDERS");
const wallet = pool("BENCH_WALLET"), slow = pool("BENCH_SLOW");
const page = process.env.BENCH_PAGES + "/page.json";

async function get(from, path) {
  const { body } = await from.request({ method: "GET", path });
  return body.json();
}

fastify.get("/hello", () => Promise.resolve({ message: "hello" }));

fastify.get("/fan3/:id", async ({ params: { id } }) => {
  const [profile, order, points] = await Promise.all([
    get(users, "/users/" + id), get(orders, "/orders/" + id), get(wallet, "/wallet/" + id),
  ]);
  return { profile, orders: order, wallet: points };
});

fastify.get("/fan20/:id", async () => {
  const from = [users, orders, wallet], calls = [], merged = {};
  for (let i = 1; i <= 20; i++) calls.push(get(from[(i - 1) % 3], "/part/" + i));
  (await Promise.all(calls)).forEach((part, i) => { merged["part" + (i + 1)] = part; });
  return merged;
});

fastify.get("/hold", async () => {
  await Promise.all([get(slow, "/wait"), get(slow, "/wait"), get(slow, "/wait")]);
  return {};
});

fastify.get("/file", async () => ({ page: JSON.parse(await readFile(page, "utf8")) }));

fastify.get("/blob/:name", async ({ params: { name } }, reply) => {
  const { headers, body } = await users.request({ method: "GET", path: "/blob/" + name });
  reply.header("content-length", headers["content-length"]);
  reply.header("content-type", headers["content-type"]);
  return reply.send(body);
});

await fastify.ready();
fastify.server.listen({ fd: Number(process.argv[2]) });
