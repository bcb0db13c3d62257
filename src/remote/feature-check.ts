/** Whether the streams of one pool can be received by another: what they carry is decided by features in use. Pure. */
import type { SendOptions } from "../config/config.ts";
import type { PoolFeatures } from "../zfs/pool-features.ts";
import type { Finding } from "./finding.ts";

interface Need {
  readonly feature: string;
  /** Whether streams with these options can carry it. */
  readonly sentWith: (send: SendOptions) => boolean;
  /** Whether all streams of such a pool carry it, not only those of the filesystems that use it. */
  readonly always: (send: SendOptions) => boolean;
  /** What else helps than changing the receiver's pool. */
  readonly instead?: string;
}

const isRaw = (send: SendOptions) => send.raw || send.encrypted;
const yes = () => true;
const no = () => false;

/** What OpenZFS marks a stream with (`setup_featureflags` of dmu_send.c) and asks of the receiver's pool (dmu_recv.c). */
const NEEDS: readonly Need[] = [
  {
    feature: "lz4_compress",
    sentWith: (send) => send.compressed || send.embeddedData || isRaw(send),
    always: yes,
    instead: "send.compressed and send.embedded_data: false",
  },
  {
    feature: "zstd_compress",
    sentWith: (send) => send.compressed || isRaw(send),
    always: no,
    instead: "send.compressed: false",
  },
  {
    feature: "embedded_data",
    sentWith: (send) => (send.embeddedData || isRaw(send)) && !send.encrypted,
    always: (send) => !isRaw(send),
    instead: "send.embedded_data: false",
  },
  {
    feature: "large_blocks",
    sentWith: (send) => send.largeBlocks || isRaw(send),
    always: no,
    instead: "send.large_blocks: false, from the first snapshot on",
  },
  { feature: "large_microzap", sentWith: (send) => send.largeBlocks || isRaw(send), always: no },
  {
    feature: "encryption",
    sentWith: isRaw,
    always: (send) => send.encrypted,
    instead: "send.encrypted: false, which sends in clear",
  },
  { feature: "large_dnode", sentWith: yes, always: no },
  { feature: "redacted_datasets", sentWith: yes, always: no },
  { feature: "longname", sentWith: yes, always: no },
];

/** @param send undefined = it is the other side's and not known here */
export function compareFeatures(
  sender: PoolFeatures,
  receiver: PoolFeatures,
  send: SendOptions | undefined,
): Finding[] {
  const findings = [...ownNeeds(sender, receiver, send)];
  for (const { feature, sentWith, always, instead } of NEEDS) {
    if (sender.features.get(feature) !== "active" || has(receiver, feature)) continue;
    if (send !== undefined && !sentWith(send)) continue;
    const isCertain = send !== undefined && always(send);
    const what = isCertain ? "its streams" : "streams of the filesystems that use it";
    findings.push({
      check: "features",
      status: isCertain ? "fail" : "warn",
      detail: `pool ${sender.pool} uses ${feature}, which pool ${receiver.pool} ${lack(receiver, feature)}: it can't receive ${what}`,
      remedy: `on the receiver: ${enable(receiver, feature)}${instead === undefined ? "" : `; or ${instead}`}`,
    });
  }
  if (findings.length > 0) return findings;
  return [
    { check: "features", status: "ok", detail: `pool ${receiver.pool} can receive what pool ${sender.pool} sends` },
  ];
}

/** What we ask of a pool, whatever is in its streams. */
function* ownNeeds(
  sender: PoolFeatures,
  receiver: PoolFeatures,
  send: SendOptions | undefined,
): Generator<Finding, void> {
  const needs = [
    { of: sender, side: "sender", feature: "bookmarks", what: "replication cursors are bookmarks" },
    ...(send !== undefined && isRaw(send)
      ? [{ of: sender, side: "sender", feature: "bookmark_v2", what: "cursors of encrypted filesystems need it" }]
      : []),
    {
      of: receiver,
      side: "receiver",
      feature: "extensible_dataset",
      what: "a receive that can be resumed needs it",
    },
  ];
  for (const { of, side, feature, what } of needs)
    if (!has(of, feature))
      yield {
        check: "features",
        status: "fail",
        detail: `pool ${of.pool} ${lack(of, feature)} ${feature}: ${what}`,
        remedy: `on the ${side}: ${enable(of, feature)}`,
      };
}

function has({ features }: PoolFeatures, feature: string): boolean {
  const state = features.get(feature);
  return state === "enabled" || state === "active";
}

function lack({ features }: PoolFeatures, feature: string): string {
  return features.has(feature) ? "has disabled" : "does not know";
}

function enable({ pool, features }: PoolFeatures, feature: string): string {
  return features.has(feature) ? `zpool set feature@${feature}=enabled ${pool}` : "upgrade OpenZFS";
}
