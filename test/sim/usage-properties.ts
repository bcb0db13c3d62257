/** The property table that `zfs list` and `zfs get` print with their usage, as OpenZFS 2.1.11 on Linux does. */
export const PROPERTY_TABLE = `\tPROPERTY       EDIT  INHERIT   VALUES

\tavailable        NO       NO   <size>
\tclones           NO       NO   <dataset>[,...]
\tcompressratio    NO       NO   <1.00x or higher if compressed>
\tcreatetxg        NO       NO   <uint64>
\tcreation         NO       NO   <date>
\tdefer_destroy    NO       NO   yes | no
\tencryptionroot   NO       NO   <filesystem | volume>
\tfilesystem_count  NO       NO   <count>
\tguid             NO       NO   <uint64>
\tkeystatus        NO       NO   none | unavailable | available
\tlogicalreferenced  NO       NO   <size>
\tlogicalused      NO       NO   <size>
\tmounted          NO       NO   yes | no
\tobjsetid         NO       NO   <uint64>
\torigin           NO       NO   <snapshot>
\treceive_resume_token  NO       NO   <string token>
\tredact_snaps     NO       NO   <snapshot>[,...]
\trefcompressratio  NO       NO   <1.00x or higher if compressed>
\treferenced       NO       NO   <size>
\tsnapshot_count   NO       NO   <count>
\ttype             NO       NO   filesystem | volume | snapshot | bookmark
\tused             NO       NO   <size>
\tusedbychildren   NO       NO   <size>
\tusedbydataset    NO       NO   <size>
\tusedbyrefreservation  NO       NO   <size>
\tusedbysnapshots  NO       NO   <size>
\tuserrefs         NO       NO   <count>
\twritten          NO       NO   <size>
\taclinherit      YES      YES   discard | noallow | restricted | passthrough | passthrough-x
\taclmode         YES      YES   discard | groupmask | passthrough | restricted
\tacltype         YES      YES   off | nfsv4 | posix
\tatime           YES      YES   on | off
\tcanmount        YES       NO   on | off | noauto
\tcasesensitivity  NO      YES   sensitive | insensitive | mixed
\tchecksum        YES      YES   on | off | fletcher2 | fletcher4 | sha256 | sha512 | skein | edonr
\tcompression     YES      YES   on | off | lzjb | gzip | gzip-[1-9] | zle | lz4 | zstd | zstd-[1-19] | zstd-fast | zstd-fast-[1-10,20,30,40,50,60,70,80,90,100,500,1000]
\tcontext         YES       NO   <selinux context>
\tcopies          YES      YES   1 | 2 | 3
\tdedup           YES      YES   on | off | verify | sha256[,verify] | sha512[,verify] | skein[,verify] | edonr,verify
\tdefcontext      YES       NO   <selinux defcontext>
\tdevices         YES      YES   on | off
\tdnodesize       YES      YES   legacy | auto | 1k | 2k | 4k | 8k | 16k
\tencryption       NO      YES   on | off | aes-128-ccm | aes-192-ccm | aes-256-ccm | aes-128-gcm | aes-192-gcm | aes-256-gcm
\texec            YES      YES   on | off
\tfilesystem_limit YES       NO   <count> | none
\tfscontext       YES       NO   <selinux fscontext>
\tkeyformat        NO       NO   none | raw | hex | passphrase
\tkeylocation     YES       NO   prompt | <file URI> | <https URL> | <http URL>
\tlogbias         YES      YES   latency | throughput
\tmlslabel        YES      YES   <sensitivity label>
\tmountpoint      YES      YES   <path> | legacy | none
\tnbmand          YES      YES   on | off
\tnormalization    NO      YES   none | formC | formD | formKC | formKD
\toverlay         YES      YES   on | off
\tpbkdf2iters      NO       NO   <iters>
\tprimarycache    YES      YES   all | none | metadata
\tquota           YES       NO   <size> | none
\treadonly        YES      YES   on | off
\trecordsize      YES      YES   512 to 1M, power of 2
\tredundant_metadata YES      YES   all | most | some | none
\trefquota        YES       NO   <size> | none
\trefreservation  YES       NO   <size> | none
\trelatime        YES      YES   on | off
\treservation     YES       NO   <size> | none
\trootcontext     YES       NO   <selinux rootcontext>
\tsecondarycache  YES      YES   all | none | metadata
\tsetuid          YES      YES   on | off
\tsharenfs        YES      YES   on | off | NFS share options
\tsharesmb        YES      YES   on | off | SMB share options
\tsnapdev         YES      YES   hidden | visible
\tsnapdir         YES      YES   hidden | visible
\tsnapshot_limit  YES       NO   <count> | none
\tspecial_small_blocks YES      YES   zero or 512 to 1M, power of 2
\tsync            YES      YES   standard | always | disabled
\tutf8only         NO      YES   on | off
\tversion         YES       NO   1 | 2 | 3 | 4 | 5 | current
\tvolblocksize     NO      YES   512 to 128k, power of 2
\tvolmode         YES      YES   default | full | geom | dev | none
\tvolsize         YES       NO   <size>
\tvscan           YES      YES   on | off
\txattr           YES      YES   on | off | dir | sa
\tzoned           YES      YES   on | off
\tuserused@...     NO       NO   <size>
\tgroupused@...    NO       NO   <size>
\tprojectused@...  NO       NO   <size>
\tuserobjused@...  NO       NO   <size>
\tgroupobjused@...  NO       NO   <size>
\tprojectobjused@...  NO       NO   <size>
\tuserquota@...   YES       NO   <size> | none
\tgroupquota@...  YES       NO   <size> | none
\tprojectquota@... YES       NO   <size> | none
\tuserobjquota@... YES       NO   <size> | none
\tgroupobjquota@... YES       NO   <size> | none
\tprojectobjquota@... YES       NO   <size> | none
\twritten@<snap>   NO       NO   <size>
\twritten#<bookmark>  NO       NO   <size>

Sizes are specified in bytes with standard units such as K, M, G, etc.

User-defined properties can be specified by using a name containing a colon (:).

The {user|group|project}[obj]{used|quota}@ properties must be appended with
a user|group|project specifier of one of these forms:
    POSIX name      (eg: "matt")
    POSIX id        (eg: "126829")
    SMB name@domain (eg: "matt@sun")
    SMB SID         (eg: "S-1-234-567-89")
`;
