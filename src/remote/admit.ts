/** A sink's quota: how many filesystems a client may have. */
import type { SinkJob } from "../config/config.ts";
import type { StepRequest } from "../endpoint/endpoint.ts";
import { Placement } from "../endpoint/placement.ts";
import { FailedError } from "../errors.ts";
import { ancestorsOf, isBelow } from "../zfs/name.ts";
import type { Runner } from "../zfs/runner.ts";

/** Where a client's filesystems are. */
export function placementOf({ rootFs, recv }: SinkJob, identity: string): Placement {
  return new Placement(`${rootFs}/${identity}`, recv);
}

/** @throws {FailedError} when the step would give the client more filesystems than it may have */
export async function admit(job: SinkJob, identity: string, step: StepRequest, runner: Runner): Promise<void> {
  const { maxFilesystems } = job;
  if (maxFilesystems === undefined) return;
  if (step.via.length > 0)
    throw new FailedError(
      `the sink job ${job.name} limits filesystems, so it takes no several snapshots in one stream`,
      {
        hint: "set replication.bundle to false in the push job",
      },
    );
  const placement = placementOf(job, identity);
  const { root } = placement;
  const { stdout } = await runner.run([
    "zfs",
    "list",
    "-Hp",
    "-r",
    "-t",
    "filesystem,volume",
    "-o",
    "name",
    "--",
    root,
  ]);
  const present = new Set(stdout.split("\n").filter((name) => isBelow(name, root)));
  const target = placement.nameOf(step.filesystem);
  const fresh = [...ancestorsOf(target), target].filter((name) => isBelow(name, root) && !present.has(name)).length;
  if (fresh > 0 && present.size + fresh > maxFilesystems)
    throw new FailedError(
      `client ${JSON.stringify(identity)} has ${present.size} filesystems and may have ${maxFilesystems}: ${step.filesystem} is not received`,
      { hint: `raise max_filesystems of the sink job ${job.name}, or destroy what is not needed` },
    );
}
