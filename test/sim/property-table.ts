/** What the simulator knows about a native property of filesystems and volumes. */
export interface NativeProperty {
  readonly kinds: readonly ("filesystem" | "volume")[];
  /** Can be set with `zfs set` or `zfs create -o`. */
  readonly settable: boolean;
  readonly inherits: boolean;
  readonly default?: string;
  /** Allowed values; absent = anything. */
  readonly values?: readonly string[];
}

const BOTH = ["filesystem", "volume"] as const;
const FS = ["filesystem"] as const;
const VOL = ["volume"] as const;

const readonlyProperty = (kinds: NativeProperty["kinds"]): NativeProperty => ({
  kinds,
  settable: false,
  inherits: false,
});

const inherited = (
  value: string,
  kinds: NativeProperty["kinds"] = BOTH,
  values?: readonly string[],
): NativeProperty => ({
  kinds,
  settable: true,
  inherits: true,
  default: value,
  ...(values && { values }),
});

const own = (value: string, kinds: NativeProperty["kinds"] = BOTH): NativeProperty => ({
  kinds,
  settable: true,
  inherits: false,
  default: value,
});

const ON_OFF = ["on", "off"];

/** Native properties by name. */
export const NATIVE: Readonly<Record<string, NativeProperty>> = {
  type: readonlyProperty(BOTH),
  guid: readonlyProperty(BOTH),
  createtxg: readonlyProperty(BOTH),
  creation: readonlyProperty(BOTH),
  used: readonlyProperty(BOTH),
  usedbysnapshots: readonlyProperty(BOTH),
  available: readonlyProperty(BOTH),
  referenced: readonlyProperty(BOTH),
  logicalused: readonlyProperty(BOTH),
  logicalreferenced: readonlyProperty(BOTH),
  written: readonlyProperty(BOTH),
  objsetid: readonlyProperty(BOTH),
  mounted: readonlyProperty(FS),
  origin: readonlyProperty(BOTH),
  receive_resume_token: readonlyProperty(BOTH),
  userrefs: readonlyProperty([]),
  defer_destroy: readonlyProperty([]),
  clones: readonlyProperty([]),
  keystatus: readonlyProperty(BOTH),
  encryptionroot: readonlyProperty(BOTH),
  encryption: { kinds: BOTH, settable: false, inherits: false, default: "off" },
  volsize: readonlyProperty(VOL),
  mountpoint: inherited("", FS),
  canmount: own("on", FS),
  readonly: inherited("off", BOTH, ON_OFF),
  atime: inherited("on", FS, ON_OFF),
  relatime: inherited("off", FS, ON_OFF),
  compression: inherited("off"),
  checksum: inherited("on"),
  copies: inherited("1"),
  dedup: inherited("off"),
  recordsize: inherited("131072", FS),
  volblocksize: { kinds: VOL, settable: true, inherits: false, default: "8192" },
  volmode: inherited("default", VOL),
  exec: inherited("on", FS, ON_OFF),
  setuid: inherited("on", FS, ON_OFF),
  devices: inherited("on", FS, ON_OFF),
  xattr: inherited("on", FS),
  acltype: inherited("off", FS),
  snapdir: inherited("hidden", FS),
  snapdev: inherited("hidden"),
  sync: inherited("standard"),
  logbias: inherited("latency"),
  primarycache: inherited("all"),
  secondarycache: inherited("all"),
  redundant_metadata: inherited("all"),
  sharenfs: inherited("off", FS),
  sharesmb: inherited("off", FS),
  quota: own("0", FS),
  refquota: own("0", FS),
  reservation: own("0"),
  refreservation: own("0"),
  keylocation: own("none"),
  keyformat: own("none"),
  pbkdf2iters: own("0"),
};
