/**
 * The database hooks against real servers: Debian's postgresql and mariadb-server. Where they are not installed, these tests
 * are skipped.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mysqlHook } from "../../src/hooks/mysql-hook.ts";
import { postgresHook } from "../../src/hooks/postgres-hook.ts";
import { hookContext } from "./scripts.ts";

const isRoot = process.getuid?.() === 0;

/** A program in Debian's places, or undefined. */
function find(name: string): string | undefined {
  const postgres = "/usr/lib/postgresql";
  const versions = existsSync(postgres) ? readdirSync(postgres).map((version) => `${postgres}/${version}/bin`) : [];
  return [...versions, "/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
    .map((dir) => join(dir, name))
    .find((path) => existsSync(path));
}

/** Database servers refuse to run as root: as root, they get Debian's user for them. */
async function asUser(user: string, argv: readonly string[]): Promise<string[]> {
  if (!isRoot) return [...argv];
  const [uid, gid] = (await execa("sh", ["-c", `id -u ${user}; id -g ${user}`])).stdout.split("\n");
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--", ...argv];
}

async function freshFolder(user: string): Promise<string> {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), "zrepl-run-db-"));
  if (isRoot) {
    const ids = (await execa("sh", ["-c", `id -u ${user}; id -g ${user}`])).stdout.split("\n").map(Number);
    chownSync(dir, ids[0] ?? 0, ids[1] ?? 0);
  }
  return dir;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

async function untilReady(attempt: () => Promise<unknown>): Promise<void> {
  const deadlineMs = Date.now() + 60_000;
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
      await delay(200);
    }
  }
}

async function stop(server: ChildProcess | undefined): Promise<void> {
  if (server === undefined || server.exitCode !== null) return;
  const ended = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGTERM");
  await ended;
}

const initdb = find("initdb");
const postgres = find("postgres");
const hasPostgres = initdb !== undefined && postgres !== undefined && find("psql") !== undefined;
if (!hasPostgres) console.warn("test/hooks: no PostgreSQL server here (Debian: postgresql); its tests are skipped");

describe.skipIf(!hasPostgres)("postgres-checkpoint", () => {
  let dir = "";
  let port = 0;
  let server: ChildProcess | undefined;
  const log = () => readFileSync(join(dir, "server.log"), "utf8");
  const hook = (dsn: string, more = {}) => postgresHook({ dsn, timeoutSec: 20, errIsFatal: false }, hookContext(more));

  beforeAll(async () => {
    dir = await freshFolder("postgres");
    port = await freePort();
    const data = join(dir, "data");
    const [init = "", ...args] = await asUser("postgres", [
      initdb ?? "",
      "-D",
      data,
      "-U",
      "postgres",
      "-A",
      "trust",
      "--no-sync",
    ]);
    await execa(init, args, { cwd: dir });
    const settings = ["listen_addresses=127.0.0.1", "log_checkpoints=on", "fsync=off", "logging_collector=off"];
    const options = settings.flatMap((setting) => ["-c", setting]);
    const command = await asUser("postgres", [
      "sh",
      "-c",
      `exec "$@" 2> ${dir}/server.log`,
      "sh",
      postgres ?? "",
      "-D",
      data,
      "-k",
      dir,
      "-p",
      String(port),
      ...options,
    ]);
    server = spawn(command[0] ?? "", command.slice(1), { cwd: dir, stdio: "ignore" });
    await untilReady(() => execa("psql", ["-X", "-h", dir, "-p", String(port), "-U", "postgres", "-c", "SELECT 1"]));
  }, 120_000);

  afterAll(async () => {
    await stop(server);
    rmSync(dir, { recursive: true, force: true });
  });

  test.each(["pairs", "URL", "socket"])("checkpoints before the snapshot, does nothing after it (%s)", async (kind) => {
    const dsn = {
      pairs: `host=127.0.0.1 port=${port} user=postgres sslmode=disable`,
      URL: `postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable&search_path=public`,
      socket: `host=${dir} port=${port} user=postgres`,
    }[kind];
    const before = log().split("checkpoint starting: immediate force wait").length;
    expect((await hook(dsn ?? "").run("pre")).error).toBeUndefined();
    expect(log().split("checkpoint starting: immediate force wait").length).toBe(before + 1);
    expect(await hook(dsn ?? "").run("post")).toEqual({});
  });

  test("without sslmode it insists on TLS, as lib/pq does", async () => {
    const { error } = await hook(`host=127.0.0.1 port=${port} user=postgres`).run("pre");
    expect(error?.message).toMatch(/postgres-checkpoint: .*server does not support SSL.*psql: exit status 2/);
  });

  test("a dry run only connects", async () => {
    const before = log();
    const situation = () => ({ type: "pre_snapshot" as const, dryRun: true, timeoutSec: 5, job: "j" });
    expect((await hook(`host=${dir} port=${port} user=postgres`, { situation }).run("pre")).error).toBeUndefined();
    expect(log()).toBe(before);
  });

  test("an error is told", async () => {
    expect((await hook(`host=127.0.0.1 port=1 user=postgres sslmode=disable`).run("pre")).error?.message).toContain(
      "Connection refused",
    );
    expect((await hook(`host=${dir} port=${port} user=nobody_here`).run("pre")).error?.message).toContain(
      'role "nobody_here" does not exist',
    );
  });
});

const mariadbd = find("mariadbd") ?? find("mysqld");
const installDb = find("mariadb-install-db") ?? find("mysql_install_db");
const client = find("mariadb") ?? find("mysql");
const hasMysql = mariadbd !== undefined && installDb !== undefined && client !== undefined;
if (!hasMysql) console.warn("test/hooks: no MariaDB server here (Debian: mariadb-server); its tests are skipped");

describe.skipIf(!hasMysql)("mysql-lock-tables", () => {
  let dir = "";
  let port = 0;
  let server: ChildProcess | undefined;
  const hook = (timeoutSec = 20, dsn = `app:p@ss/word@tcp(127.0.0.1:${port})/`, more = {}) =>
    mysqlHook({ dsn, timeoutSec, errIsFatal: false }, hookContext(more));
  const sql = async (statement: string) =>
    (
      await execa(
        client ?? "",
        ["--no-defaults", `--socket=${dir}/sock`, "-N", "-B", "-e", statement],
        isRoot ? {} : {},
      )
    ).stdout;
  /** Whether another session can write at once. */
  const canWrite = () =>
    sql("SET lock_wait_timeout=1; INSERT INTO t.t VALUES (1)").then(
      () => true,
      () => false,
    );

  beforeAll(async () => {
    const user = "mysql";
    dir = await freshFolder(user);
    port = await freePort();
    const data = join(dir, "data");
    const [init = "", ...args] = await asUser(user, [
      installDb ?? "",
      "--no-defaults",
      `--datadir=${data}`,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
    ]);
    await execa(init, args, { cwd: dir });
    const command = await asUser(user, [
      mariadbd ?? "",
      "--no-defaults",
      `--datadir=${data}`,
      `--socket=${dir}/sock`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--pid-file=${dir}/pid`,
      "--skip-log-bin",
    ]);
    server = spawn(command[0] ?? "", command.slice(1), { cwd: dir, stdio: "ignore" });
    await untilReady(() => sql("SELECT 1"));
    await sql(
      "CREATE DATABASE t; CREATE TABLE t.t (a INT); CREATE USER app@'%' IDENTIFIED BY 'p@ss/word'; GRANT RELOAD, SUPER ON *.* TO app@'%'",
    );
  }, 120_000);

  afterAll(async () => {
    await stop(server);
    rmSync(dir, { recursive: true, force: true });
  });

  test("holds the lock from the pre edge to the post edge", async () => {
    const lock = hook();
    expect(await canWrite()).toBe(true);
    expect((await lock.run("pre")).error).toBeUndefined();
    expect(await canWrite()).toBe(false);
    expect((await lock.run("post")).error).toBeUndefined();
    expect(await canWrite()).toBe(true);
  });

  test("by socket, with a variable of the session", async () => {
    const lock = hook(20, `root@unix(${dir}/sock)/?sql_mode=%27ANSI%27`);
    expect((await lock.run("pre")).error).toBeUndefined();
    expect(await canWrite()).toBe(false);
    expect((await lock.run("post")).error).toBeUndefined();
  });

  test("says after the snapshot that the lock was lost in between", async () => {
    const lock = hook();
    await lock.run("pre");
    const id = await sql("SELECT id FROM information_schema.processlist WHERE user='app'");
    await sql(`KILL ${id}`);
    expect((await lock.run("post")).error?.message).toContain("the tables were not locked all the time");
    expect(await canWrite()).toBe(true);
  });

  test("gives up in time when somebody else keeps a table locked, and leaves nobody waiting", async () => {
    const other = execa(client ?? "", [
      "--no-defaults",
      `--socket=${dir}/sock`,
      "-e",
      "LOCK TABLES t.t WRITE; SELECT SLEEP(6)",
    ]);
    await untilReady(async () => {
      if (!(await sql("SHOW PROCESSLIST")).includes("SLEEP(6)")) throw new Error("not yet");
    });
    const startMs = Date.now();
    const { error } = await hook(2).run("pre");
    expect(error?.message).toMatch(/mysql-lock-tables: .*(Lock wait timeout exceeded|timed out after 2s)/);
    expect(Date.now() - startMs).toBeLessThan(4500);
    await other;
    expect(await canWrite()).toBe(true);
  });

  test("a dry run locks nothing", async () => {
    const situation = () => ({ type: "pre_snapshot" as const, dryRun: true, timeoutSec: 5, job: "j" });
    const lock = hook(20, undefined, { situation });
    expect((await lock.run("pre")).error).toBeUndefined();
    expect(await canWrite()).toBe(true);
    expect((await lock.run("post")).error).toBeUndefined();
  });

  test("a wrong password is told", async () => {
    expect((await hook(20, `app:wrong@tcp(127.0.0.1:${port})/`).run("pre")).error?.message).toContain("Access denied");
  });
});
