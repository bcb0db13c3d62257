/** The two ways out of a divergence that a config may ask for; both check first that ZFS still is as it was planned. */
import { FailedError } from "../errors.ts";
import { ZfsCommandError } from "../zfs/errors.ts";
import { releaseSnapshots } from "../zfs/hold.ts";
import { listDatasets } from "../zfs/list.ts";
import type { Runner } from "../zfs/runner.ts";
import { compareVersions, type FilesystemVersion } from "../zfs/version.ts";

/**
 * Rolls `dataset` back to `to`. Refuses when anything newer than `to` is there that was not announced in `destroys`. Our own
 * holds (`tag`) are taken off; another one makes zfs refuse.
 * @throws {FailedError | ZfsCommandError}
 */
export async function rollbackVerified(
  runner: Runner,
  dataset: string,
  to: FilesystemVersion,
  destroys: readonly FilesystemVersion[],
  tag: string,
): Promise<void> {
  const { filesystems } = await listDatasets(runner, { roots: [dataset], depth: 1 });
  const versions = [...(filesystems.get(dataset)?.versions ?? [])].sort(compareVersions);
  const base = versions.find(({ kind, guid }) => kind === "snapshot" && guid === to.guid);
  if (base === undefined) throw new FailedError(`cannot roll back ${dataset}: @${to.name} is gone`);
  const newer = versions.filter((version) => version.kind === "snapshot" && compareVersions(version, base) > 0);
  const announced = new Set(destroys.map(({ guid }) => guid));
  const surprise = newer.find(({ guid }) => !announced.has(guid));
  if (surprise !== undefined)
    throw new FailedError(`not rolling back ${dataset}: @${surprise.name} appeared since this was planned`);
  const held = newer.filter(({ userrefs }) => userrefs > 0).map(({ name }) => `${dataset}@${name}`);
  const [failure] = (await releaseSnapshots(runner, tag, held)).values();
  if (failure !== undefined) throw failure;
  const argv = ["zfs", "rollback", "-r", `${dataset}@${base.name}`];
  const result = await runner.run(argv);
  if (result.exitCode !== 0) throw new ZfsCommandError(argv, result);
}

/** @throws {ZfsCommandError} */
export async function renameDataset(runner: Runner, from: string, to: string): Promise<void> {
  const argv = ["zfs", "rename", "-u", from, to];
  const result = await runner.run(argv);
  if (result.exitCode === 0) return;
  if (!/operation not applicable to datasets of this type/.test(result.stderr)) throw new ZfsCommandError(argv, result);
  // a volume, which has no mount that -u could leave alone
  const plain = ["zfs", "rename", from, to];
  const again = await runner.run(plain);
  if (again.exitCode !== 0) throw new ZfsCommandError(plain, again);
}
