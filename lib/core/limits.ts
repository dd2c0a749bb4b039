/** Every bound, with unit and reason. */

/** A JSON request body. Lambda takes 6 MB; the rest is headers and base64. */
export const JSON_BODY_BYTES_MAX = 5 * 1024 * 1024;
/** A file sent in one request body to the local server; larger ones go by path or upload. */
export const FILE_BODY_BYTES_MAX = 64 * 1024 * 1024;
/** A file that is uploaded to be read by a request: it is held in memory while it is stored. */
export const UPLOAD_BYTES_MAX = 1024 * 1024 * 1024;
/** How long an upload can be read, ms. */
export const UPLOAD_LIFETIME_MILLIS = 86_400_000;
/** Expired uploads that a new one deletes. */
export const UPLOADS_SWEPT_MAX = 100;
/** A JSON body that names an upload instead of rows. */
export const SOURCE_BODY_BYTES_MAX = 4096;
/** Rows of one ingestion request, all formats. */
export const ROWS_PER_REQUEST_MAX = 5_000_000;
/** Columns of a CSV file, those that the group lacks among them. */
export const CSV_COLUMNS_MAX = 10_000;
/** Training datasets of a project that search and lineage look through: a short GET each. */
export const DATASETS_DISCOVERED_MAX = 10_000;
/** Fields of the schema of an Arrow stream, nested ones counted, and how deep they nest. */
export const ARROW_FIELDS_MAX = 10_000;
export const ARROW_DEPTH_MAX = 32;
/** Tables that a registry is rebuilt from, and unreadable revisions stepped over for it. */
export const TABLES_REBUILT_MAX = 10_000;
export const REVISIONS_LOOKED_BACK_MAX = 64;
/** Entries of one lookup. */
export const ENTRIES_MAX = 1000;
/** Columns of one feature group. */
export const COLUMNS_MAX = 1000;
/** Joins of one feature view. */
export const JOINS_MAX = 64;
/** Keys of one read of the online store: BatchGetItem's bound. */
export const ONLINE_READ_KEYS_MAX = 100;
/** Parallel conditional writes to the online store. */
export const ONLINE_WRITE_CONCURRENCY = 32;
/** An online item. DynamoDB's bound is 400 KB with names; the rest is attributes. */
export const ONLINE_PAYLOAD_BYTES_MAX = 390 * 1024;
/** Payload above which a read costs a second unit (a warning, not a fault). */
export const ONLINE_PAYLOAD_BYTES_WARN = 4096;
/** A control record. DynamoDB's bound is 400 KB with names and keys. */
export const CONTROL_RECORD_BYTES_MAX = 350 * 1024;
/** Messages handed out at once: SQS's bound. */
export const QUEUE_RECEIVE_MAX = 10;
/** Versions applied ahead of the watermark that one watermark item remembers. */
export const WATERMARK_AHEAD_MAX = 64;
/** Commits of a table nothing of which is online yet, from which on a generation is loaded instead of folding them one by one. */
export const FIRST_LOAD_COMMITS = 256;
/** Keys that one edit writes anew among those being served; of more a new generation is loaded. They are held in memory. */
export const EDIT_KEYS_MAX = 200_000;
/** Encoded rows that a load of a generation holds before it writes them, bytes: more take another pass over the files. */
export const LOAD_BYTES_MAX = 256 * 1024 * 1024;
/** How long a replaced generation is kept for readers that have not heard of it, ms: they hear within `DEFINITIONS_STALE_MAX_MILLIS`, and a lookup takes seconds. */
export const GENERATION_KEPT_MILLIS = 60_000;
/** Items cleared of replaced generations by one call; the next one goes on. */
export const CLEARED_ITEMS_MAX = 100_000;
/** How long a load waits for another one of the same group to end, ms: the lease of one that died ends sooner. */
export const LOAD_WAIT_MAX_MILLIS = 60_000;
/** Rows of a batch between stages. */
export const BATCH_ROWS = 65_536;
/** Attempts to commit before `COMMIT_CONFLICT`. */
export const COMMIT_ATTEMPTS_MAX = 64;
/** Time to commit before `COMMIT_CONFLICT`, ms. */
export const COMMIT_TIME_MAX_MILLIS = 60_000;
/** First and largest pause between attempts, ms, full jitter. */
export const COMMIT_BACKOFF_MILLIS = 10;
export const COMMIT_BACKOFF_MAX_MILLIS = 1000;
/** One entry of a group commit: writes, bytes of the log they bring, rows. */
export const GROUP_WRITES_MAX = 1000;
export const GROUP_LOG_BYTES_MAX = 4 * 1024 * 1024;
export const GROUP_ROWS_MAX = 1_000_000;
/** Identities of rows that may meet others, which the plan of an entry holds, bytes as estimated: beyond it the group is halved. */
export const GROUP_PLAN_BYTES_MAX = 512 * 1024 * 1024;
/** Writes of one process that wait for an entry of one table: what each staged is held, a few KB. */
export const GROUP_WAITING_MAX = 10_000;
/** Writes that an entry of an inbox waits for where as many are likely to come: 16 make 1.13 requests a write, more shares little. */
export const GROUP_WAIT_WRITES_MAX = 16;
/** How long a queued write waits for others at most, ms: about the time in which a write that was just answered comes again. */
export const GROUP_WAIT_MILLIS = 120;
/** How long a committer stays with an inbox that its last entry emptied, ms: as long as it takes to be woken again, and to take the lease. */
export const GROUP_IDLE_MILLIS = 150;
/** Pause between two looks into an inbox, ms, into an empty one, and looks at most while one entry is written. */
export const GROUP_LOOK_MILLIS = 3;
export const GROUP_IDLE_LOOK_MILLIS = 12;
export const GROUP_LOOKS_AHEAD_MAX = 32;
/** Queued writes whose staged files are checked ahead: of fewer, a listing later checks more. */
export const GROUP_CHECK_WRITES_MIN = 6;
/** How much older than the first file asked for others may be that are listed with it, ms: the slowest of the stagings begun together. */
export const GROUP_LIST_BACK_MILLIS = 200;
/** How long a committer's lease lasts without being renewed, ms: longer than one entry takes, shorter than a user waits. */
export const LEASE_MILLIS = 30_000;
/** When a doorbell that met a taken lease rings again, s. */
export const DOORBELL_AGAIN_SECONDS = 5;
/** How long a refused intent is kept for `redrive`, ms. */
export const DEAD_INTENTS_KEPT_MILLIS = 14 * 24 * 60 * 60 * 1000;
/** How long vacuum leaves alone what queued writes staged, ms: a refused intent can be put back for 14 days. */
export const QUEUED_FILES_KEPT_MILLIS = 15 * 24 * 60 * 60 * 1000;
/** How long validation reports are kept, ms. */
export const REPORTS_KEPT_MILLIS = 90 * 24 * 60 * 60 * 1000;
/** Commits between checkpoints. */
export const CHECKPOINT_INTERVAL = 10;
/** Looks at `_last_checkpoint` before moving it is left to those who keep moving it. */
export const POINTER_TRIES_MAX = 4;
/** Commits of one log compaction: what a cold reader fetches at most beside a checkpoint, ten to one. */
export const LOG_COMPACTION_INTERVAL = 10;
/** Commits together above which they are not compacted: a reader holds a compaction in memory, bytes. */
export const LOG_COMPACTION_BYTES_MAX = 32 * 1024 * 1024;
/** Objects one log clean-up deletes at most; the next one goes on. */
export const LOG_CLEANUP_FILES_MAX = 10_000;
/** Files one vacuum deletes at most, all of them held in memory; the next one goes on. */
export const VACUUM_FILES_MAX = 100_000;
/** A write planned longer ago than this is not committed (the fence, delta.md), ms: half of what vacuum and log clean-up leave alone. */
export const PLAN_AGE_MAX_MILLIS = 12 * 60 * 60 * 1000;
/** Findings of one verification that are listed; all are counted. */
export const VERIFY_FINDINGS_MAX = 1000;
/** Keys whose online items are judged against the table, or healed, at once, and looks at them while others publish. */
export const VERIFY_JUDGED_KEYS = 1000;
export const VERIFY_HEAL_ROUNDS_MAX = 20;
/** Files a verification reads at a time. */
export const VERIFY_CONCURRENCY = 4;
/** Rows whose identities a verification compares at once; more take another pass over the key columns. */
export const VERIFY_KEYS_MAX = 8_000_000;
/** A snapshot older than this is loaded again before it is written on (the fence, delta.md), ms. */
export const SNAPSHOT_AGE_MAX_MILLIS = 60 * 60 * 1000;
/** Parquet size bin-packing aims at, and the largest file an append writes. */
export const TARGET_FILE_BYTES = 128 * 1024 * 1024;
/** A registry revision. */
export const REGISTRY_BYTES_MAX = 8 * 1024 * 1024;
/** Parallel object-store reads of one operation. */
export const STORE_READ_CONCURRENCY = 16;
/** Small records of the control store written or deleted at once. */
export const CONTROL_WRITE_CONCURRENCY = 64;
/** How long `serve` trusts a definition, ms. */
export const DEFINITIONS_STALE_MAX_MILLIS = 10_000;
/** How long `serve` trusts a watermark, ms. */
export const WATERMARK_STALE_MAX_MILLIS = 1000;
/** Bytes of data files one query may bring to scratch. */
export const SCRATCH_BYTES_MAX = 8 * 1024 * 1024 * 1024;
/** How long idempotency keys are remembered, ms, and how many a table. */
export const IDEMPOTENCY_WINDOW_MILLIS = 7 * 24 * 60 * 60 * 1000;
export const IDEMPOTENCY_KEYS_MAX = 100_000;
/** How long checkpoints keep them, ms: of a queued write they are asked for as of the time it was staged. */
export const IDEMPOTENCY_KEPT_MILLIS = IDEMPOTENCY_WINDOW_MILLIS + QUEUED_FILES_KEPT_MILLIS;
/** Rows one update changes: they are held in memory between reading and writing. */
export const UPDATE_ROWS_MAX = 2_000_000;
/** Rows of one commit that the change feed pairs or compares: an identity and a digest of each are held in memory. */
export const CHANGE_IDENTITIES_MAX = 2_000_000;
/** Rows replaced since the earliest instant of which a training set asks what was known: they are held in memory. */
export const REPLACED_ROWS_MAX = 1_000_000;
/** How much later than its commit a row may say it was received: rows of one record in one batch count up by a microsecond. */
export const RECEIPT_AHEAD_MILLIS = 10_000;
/** Files of a table kept as objects, with their parsed statistics; the rest are columns. About 1.5 KB each. */
export const FILE_OBJECTS_KEPT_MAX = 32_768;
/** Text of statistics of a checkpoint kept decoded; the rest stays compressed. */
export const STATS_TEXT_BYTES_MAX = 64 * 1024 * 1024;
/** Holes between wanted bytes of one file that are read over: a second request costs more than the bytes. */
export const READ_GAP_BYTES_MAX = 256 * 1024;
/** Range reads of one step through a data file: a row group, or its page index. */
export const FILE_READS_MAX = 16;
/** Rows of a row group of a checkpoint: a 32nd of them all, so that a pruned read skips most, within these bounds of memory and overhead. */
export const CHECKPOINT_GROUP_ROWS_MIN = 4096;
export const CHECKPOINT_GROUP_ROWS_MAX = 32_768;
/** Distinct partition values, and bytes, that a checkpoint's footer lists by row group; of more it says nothing. */
export const PARTITION_DIRECTORY_TUPLES_MAX = 4096;
export const PARTITION_DIRECTORY_BYTES_MAX = 128 * 1024;
/** Members that we don't know of the metadata, of the protocol, of all txns and of all domains, each as a checkpoint's footer carries them along. */
export const MORE_OF_OTHERS_BYTES_MAX = 16 * 1024;
/** Files above which a table that has the feature gets V2 checkpoints, and files and tombstones of one sidecar. */
export const V2_CHECKPOINT_FILES_MIN = 100_000;
export const SIDECAR_ROWS_MAX = 250_000;
/** Files that one upsert or delete by key looks into, and their bytes: minutes of one Lambda. */
export const PROBE_FILES_MAX = 10_000;
export const PROBE_BYTES_MAX = 64 * 1024 * 1024 * 1024;
/** Rows that one upsert or delete by key takes out: file, position and receipt of each are held in memory. */
export const PROBE_ROWS_MAX = 10_000_000;
/** Bytes of data files that one copy-on-write plan reads and writes again. */
export const REWRITE_BYTES_MAX = 16 * 1024 * 1024 * 1024;
/** Rows a rewrite holds at once, as estimated from the schema, bytes: a maintenance function has 1,769 MB for all. */
export const REWRITE_MEMORY_BYTES_MAX = 640 * 1024 * 1024;
/** Columns of one Z order: with more, none of them is near in the file. */
export const Z_ORDER_COLUMNS_MAX = 4;
/** Schemas kept as a Parquet encoder begins with them: of the tables a process writes to at a time. */
export const ARROW_SCHEMAS_KEPT_MAX = 64;
/** A Parquet footer, and what its parsed fields may take in memory, bytes. */
export const PARQUET_FOOTER_BYTES_MAX = 64 * 1024 * 1024;
export const PARQUET_FOOTER_MEMORY_BYTES_MAX = 128 * 1024 * 1024;
/** Rows of a Parquet file: positions are 32 bits wide. */
export const PARQUET_ROWS_MAX = 2_147_483_647;
/** Pages of one column of one row group. */
export const PARQUET_PAGES_MAX = 65_536;
/** Bytes one page unpacks to: a value of half of it and its neighbours, which we write into one, can be read. A page that takes much of a file may have its own size times the ratio. */
export const PARQUET_PAGE_BYTES_MAX = 64 * 1024 * 1024;
export const PARQUET_PAGE_RATIO_MAX = 16;
/** Bytes of decoded rows that are held at once; a row group that takes more is decoded in pieces, of twice its stored bytes at least. */
export const PARQUET_PIECE_BYTES = 32 * 1024 * 1024;
/** Pieces of one row group: each looks for its rows from the start. */
export const PARQUET_PIECES_MAX = 1024;
/** Decoded bytes of the columns asked for of one row group; more only where they are stored in a 256th of it. */
export const PARQUET_GROUP_BYTES_MAX = 1024 * 1024 * 1024;
export const PARQUET_GROUP_RATIO_MAX = 256;
/** Decoded bytes of the columns fetched of a row group that is not decoded in pieces. */
export const PARQUET_FETCHED_BYTES_MAX = 128 * 1024 * 1024;
/** Small files that a scan fetches ahead of the one it decodes, and their bytes. */
export const SCAN_FILES_AHEAD_MAX = 4;
export const SCAN_BYTES_AHEAD_MAX = 32 * 1024 * 1024;
/** Splits of one training dataset. */
export const SPLITS_MAX = 64;
/** Categories an encoder tells apart: each is a parameter, and of one-hot a component. */
export const TRANSFORM_CATEGORIES_MAX = 10_000;
/** Bytes of all fitted parameters of a set, as JSON: they are one record of the control table. */
export const TRANSFORM_PARAMETERS_BYTES_MAX = 300 * 1024;
/** Views bound to the transforms of training sets, kept by one process. */
export const TRANSFORMED_VIEWS_MAX = 64;
/** Rows of one request that quarantine takes: fault and payload of each are held in memory. With more, the source is broken, not the row. */
export const QUARANTINE_ROWS_MAX = 100_000;
/** Rows of one foreign commit without key or event time that publishing puts in quarantine; more are counted alone. */
export const INVALID_ROWS_KEPT_MAX = 10_000;
/** Faults of a request that an answer lists. */
export const FAULTS_LISTED_MAX = 100;
/** Unpacked statistics of one commit, bytes: a thousand columns take some 60 MB. */
export const STATISTICS_BYTES_MAX = 128 * 1024 * 1024;
/** Commits of one answer of statistics. */
export const STATISTICS_COMMITS_MAX = 10_000;
/** Numbers of one feature that a drift comparison holds as they are; of more it keeps a quantile sketch. */
export const DRIFT_VALUES_MAX = 1_000_000;
/** Grants of a project: they stand in its registry, which every request's process holds. */
export const GRANTS_MAX = 1000;
/** Principals, actions, resources or features of one grant. */
export const GRANT_ITEMS_MAX = 1000;
/** API keys of a project, revoked ones included: making one counts them. */
export const API_KEYS_MAX = 1000;
/** API keys a process remembers, so that a lookup costs no request for its key. */
export const API_KEYS_CACHED_MAX = 10_000;
/** How long a key that was rotated out may go on, ms. */
export const KEY_OVERLAP_MILLIS_MAX = 30 * 86_400_000;
