/**
 * `mysql-lock-tables`: FLUSH TABLES WITH READ LOCK before the snapshot, UNLOCK TABLES after it. The lock belongs to a session,
 * so one client program runs from the one edge to the other; if it ends in between, the post edge says so.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { dieWithUs } from "../zfs/children.ts";
import { definedOnly, type HookContext } from "./command-hook.ts";
import { type MysqlDsn, type MysqlFlavor, mysqlArguments, parseMysqlDsn } from "./mysql-dsn.ts";
import type { DatabaseHookConfig } from "./postgres-hook.ts";
import { endInTime, exitProblem, MAX_OUTPUT_BYTES, runProgram, startProblem } from "./program.ts";
import type { EdgeResult, Hook } from "./stack.ts";
import { Tail } from "./tail.ts";

const NAME = "mysql-lock-tables";
const LOCKED = "zrepl-run: locked";
const UNLOCKED = "zrepl-run: unlocked";

export function mysqlHook({ dsn, timeoutSec, errIsFatal }: DatabaseHookConfig, context: HookContext): Hook {
  let session: Session | undefined;
  return {
    name: NAME,
    errIsFatal,
    run: async (edge): Promise<EdgeResult> => {
      const { dryRun } = context.situation(edge, timeoutSec);
      if (edge === "post") return endEdge(await session?.finish(["UNLOCK TABLES", `SELECT '${UNLOCKED}'`], timeoutSec));
      const parsed = parseMysqlDsn(dsn);
      session = await openSession(parsed, timeoutSec, context);
      const lock = dryRun ? [] : ["FLUSH TABLES WITH READ LOCK"];
      const problem = await session.ask(
        [...settings(parsed, timeoutSec), ...lock, `SELECT '${LOCKED}'`],
        LOCKED,
        timeoutSec,
        context.interrupted,
      );
      return endEdge(problem);
    },
  };
}

function endEdge(problem: string | undefined): EdgeResult {
  return problem === undefined ? {} : { error: new Error(`${NAME}: ${problem}`) };
}

/**
 * A session that waits for the lock holds up all writers, also after its client is gone: the server itself must give up in
 * time.
 */
function settings(dsn: MysqlDsn, timeoutSec: number): string[] {
  const variables = new Map([["lock_wait_timeout", String(Math.max(1, Math.floor(timeoutSec)))], ...dsn.variables]);
  return [...variables].map(([name, value]) => `SET SESSION ${name} = ${value}`);
}

/** The client program, and what it has said so far. */
class Session {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #said = new Tail(MAX_OUTPUT_BYTES);
  /** How it ended: undefined = it runs, "" = with success. */
  #ended: string | undefined;

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    child.stdin.on("error", () => undefined); // told by how the program ends
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => this.#said.push(chunk));
    child.once("error", (error) => {
      this.#ended ??= startProblem(error);
    });
    child.once("close", (code, signal) => {
      this.#ended ??= exitProblem(code, signal) ?? "";
    });
  }

  /** Runs statements and waits until the program has printed `answer`. @returns what went wrong */
  async ask(
    statements: readonly string[],
    answer: string,
    timeoutSec: number,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const guard = endInTime(this.#child, timeoutSec, signal);
    try {
      this.#write(statements);
      while (!this.#has(answer) && this.#ended === undefined) await this.#next();
      if (this.#has(answer) && this.#ended === undefined) return undefined;
      return guard.describe(this.#describeEnd());
    } finally {
      guard.stop();
    }
  }

  /** Runs the last statements; the program must have lived until now. @returns what went wrong */
  async finish(statements: readonly string[], timeoutSec: number): Promise<string | undefined> {
    if (this.#ended !== undefined)
      return `the tables were not locked all the time, the connection ended early: ${this.#describeEnd()}`;
    const guard = endInTime(this.#child, timeoutSec, undefined);
    try {
      this.#write(statements);
      this.#child.stdin.end();
      while (this.#ended === undefined) await this.#next();
      if (this.#ended === "" && this.#has(UNLOCKED)) return undefined;
      return `the tables were not locked all the time, or are unlocked only by the end of the connection: ${guard.describe(this.#describeEnd())}`;
    } finally {
      guard.stop();
    }
  }

  #write(statements: readonly string[]): void {
    this.#child.stdin.write(statements.map((statement) => `${statement};\n`).join(""));
  }

  #has(answer: string): boolean {
    return this.#said.toString().split("\n").includes(answer);
  }

  #describeEnd(): string {
    const said = this.#said
      .toString()
      .split("\n")
      .filter((line) => line !== "" && line !== LOCKED && line !== UNLOCKED)
      .join("; ");
    const end = this.#ended === undefined || this.#ended === "" ? "exit status 0" : this.#ended;
    return said === "" ? end : `${said}: ${end}`;
  }

  /** Something was said, or it ended. */
  #next(): Promise<void> {
    return new Promise((resolve) => {
      const { stdout, stderr } = this.#child;
      const done = () => {
        stdout.off("data", done);
        stderr.off("data", done);
        this.#child.off("close", done);
        this.#child.off("error", done);
        resolve();
      };
      stdout.on("data", done);
      stderr.on("data", done);
      this.#child.on("close", done);
      this.#child.on("error", done);
    });
  }
}

async function openSession(dsn: MysqlDsn, timeoutSec: number, context: HookContext): Promise<Session> {
  const env: Record<string, string> = { ...definedOnly(context.env), MYSQL_PWD: dsn.password };
  const client = findClient(env["PATH"] ?? "");
  const { output } = await runProgram({ argv: [client, "--version"], env, timeoutSec, signal: context.interrupted });
  const flavor: MysqlFlavor = /mariadb/i.test(output) ? "mariadb" : "mysql";
  const [program = "", ...args] = dieWithUs([client, ...mysqlArguments(dsn, flavor)]);
  return new Session(spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"], detached: true }));
}

/** MariaDB's later versions have no program of MySQL's name. */
function findClient(path: string): string {
  for (const name of ["mysql", "mariadb"])
    for (const directory of path.split(":")) if (directory !== "" && isExecutable(join(directory, name))) return name;
  return "mysql";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
