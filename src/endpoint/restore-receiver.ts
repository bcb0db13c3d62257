/**
 * Where a restore lands: filesystems of this host that the operator has named. Nothing there is destroyed, rolled back or
 * forced; what the receives need to be safe, `zfs recv` without `-F` checks itself.
 */
import type { Guarantee } from "../config/config.ts";
import { FailedError } from "../errors.ts";
import { buildRecvArgv } from "../zfs/argv.ts";
import { ZfsCommandError } from "../zfs/errors.ts";
import { identifyVersions, listDatasets, listProperty, syncPools } from "../zfs/list.ts";
import { ancestorsOf, poolOf } from "../zfs/name.ts";
import type { CommandResult, Runner } from "../zfs/runner.ts";
import type {
  ConfirmedStep,
  DestroyFailure,
  FilesystemFailures,
  OpenStream,
  Receiver,
  SideListing,
  StepRequest,
  StreamFailure,
} from "./endpoint.ts";
import { observe, stateOf } from "./observe.ts";
import { wrongGuid } from "./receive-failure.ts";
import { StepProtection } from "./step-protection.ts";

export interface RestoreReceiverOptions {
  readonly runner: Runner;
  /** The job that sends these filesystems: its cursor marks what was restored to the place of an original. */
  readonly job: string;
  /** The original's name → the name here. */
  readonly targets: ReadonlyMap<string, string>;
  /** Of that job; with guarantee_nothing there is no cursor. */
  readonly guarantee: Guarantee;
  /** Properties that must not come from the stream (`zfs recv -x`). */
  readonly withoutProperties: readonly string[];
  readonly warn: (message: string) => void;
}

export class RestoreReceiver implements Receiver {
  readonly job: string;
  readonly #options: RestoreReceiverOptions;
  readonly #protection: StepProtection;

  constructor(options: RestoreReceiverOptions) {
    this.job = options.job;
    this.#options = options;
    this.#protection = new StepProtection(options.runner, options.job, options.warn);
  }

  async list(): Promise<SideListing> {
    const { runner, targets } = this.#options;
    const names = new Set(targets.values());
    const observed = await observe(runner, { roots: [...names], depth: 1 }, (name) => names.has(name));
    const byName = new Map(observed.filesystems.map((found) => [found.name, found]));
    this.#protection.observe(observed.filesystems.map((found) => stateOf(found, found.name)));
    const filesystems = [...targets].flatMap(([filesystem, target]) => {
      const found = byName.get(target);
      return found === undefined ? [] : [stateOf(found, filesystem)];
    });
    return { filesystems, problems: [] };
  }

  /** Of the targets: those of their parents that exist. */
  async parents(): Promise<ReadonlySet<string>> {
    const parents = new Set([...this.#options.targets.values()].flatMap((target) => ancestorsOf(target).slice(-1)));
    const { filesystems } = await listDatasets(this.#options.runner, { roots: [...parents], depth: 0 });
    return new Set(filesystems.keys());
  }

  /** Bytes written to existing targets since their newest snapshot, by the original's name. */
  async written(filesystems: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { runner } = this.#options;
    if (filesystems.length === 0) return new Map();
    const names = filesystems.map((filesystem) => this.#target(filesystem));
    await syncPools(runner, [...new Set(names.map(poolOf))]);
    const values = await listProperty(runner, "written", names);
    return new Map(filesystems.map((filesystem) => [filesystem, Number(values.get(this.#target(filesystem)) ?? 0)]));
  }

  async openReceive(request: StepRequest): Promise<OpenStream> {
    const target = this.#target(request.filesystem);
    const argv = buildRecvArgv({
      target: request.via.length > 0 ? target : `${target}@${request.to.name}`,
      force: false,
      resumable: true,
      inheritProperties: this.#options.withoutProperties,
      overrideProperties: {},
    });
    return {
      end: { kind: "command", argv },
      judge: async (result) => (result === undefined ? undefined : judge(argv, target, result)),
      limit: undefined,
    };
  }

  /** Checks what was received; where the original stood, the job's cursor is put on it: the next run starts there. */
  async confirm(received: readonly ConfirmedStep[]): Promise<FilesystemFailures> {
    const failures = new Map<string, Error>();
    const snapshotOf = ({ filesystem, to }: ConfirmedStep) => `${this.#target(filesystem)}@${to.name}`;
    const present = await identifyVersions(this.#options.runner, received.map(snapshotOf));
    const good = received.filter((step) => {
      const guid = present.get(snapshotOf(step))?.guid;
      if (guid !== step.to.guid) failures.set(step.filesystem, wrongGuid(snapshotOf(step), step.to.guid, guid));
      return guid === step.to.guid;
    });
    const { guarantee } = this.#options;
    const originals =
      guarantee === "guarantee_nothing" ? [] : good.filter(({ filesystem }) => this.#isOriginal(filesystem));
    const marked = originals.map(({ filesystem, to }): ConfirmedStep => ({ filesystem, to, guarantee }));
    for (const [filesystem, error] of await this.#protection.complete(marked)) failures.set(filesystem, error);
    return failures;
  }

  clearResumeState(): Promise<never> {
    return destroysNothing();
  }

  rollback(): Promise<never> {
    return destroysNothing();
  }

  setAside(): Promise<never> {
    return destroysNothing();
  }

  destroySnapshots(): Promise<DestroyFailure[]> {
    return destroysNothing();
  }

  #target(filesystem: string): string {
    const target = this.#options.targets.get(filesystem);
    if (target === undefined) throw new FailedError(`${filesystem} is not to be restored`);
    return target;
  }

  #isOriginal(filesystem: string): boolean {
    return this.#target(filesystem) === filesystem;
  }
}

async function destroysNothing(): Promise<never> {
  throw new FailedError("a restore destroys nothing");
}

function judge(argv: readonly string[], target: string, result: CommandResult): StreamFailure | undefined {
  if (result.exitCode === 0) return undefined;
  const error = new ZfsCommandError(argv, result, hint(target, result.stderr));
  const cut = error.reason === "stream-cut" || error.reason === "resume-state-available";
  return { error, cause: cut ? "peer" : "own" };
}

function hint(target: string, stderr: string): { hint: string } | undefined {
  if (/has been modified\s+since most recent snapshot/.test(stderr))
    return { hint: `${target} was changed after its newest snapshot; restore beside it with --to` };
  if (/inherited key must be loaded/.test(stderr))
    return { hint: `load the key of the encryption root above ${target}: zfs load-key` };
  if (/out of space/.test(stderr))
    return { hint: `free space in pool ${poolOf(target)} and restore again: what was received is kept and goes on` };
  return undefined;
}
