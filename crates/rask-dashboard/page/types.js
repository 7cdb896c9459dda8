// @ts-check
// The shapes of what the server sends, for the type checker; docs/dashboard-api.md says what they mean. Nothing here runs.

/**
 * @typedef {object} Scheduler
 * @property {string} id
 * @property {string} address
 * @property {string} version
 * @property {number} started
 * @property {number|null} cpu
 * @property {number|null} rss_bytes
 * @property {number} tasks
 * @property {number} clients
 * @property {number} workers
 * @property {number} threads
 * @property {number} finished
 * @property {number} erred
 * @property {number|null} tasks_per_s
 * @property {number} bytes_moved
 */

/**
 * @typedef {object} WorkerRow
 * @property {number} id
 * @property {string} name
 * @property {string} address
 * @property {string|null} host
 * @property {number|null} pid
 * @property {number} nthreads
 * @property {string|null} runtime
 * @property {string|null} version
 * @property {string|null} local_directory
 * @property {Record<string, number>} resources
 * @property {number} memory_limit_bytes
 * @property {string} status
 * @property {number|null} cpu_percent
 * @property {number|null} rss_bytes
 * @property {number} managed_bytes
 * @property {number} in_memory
 * @property {number} processing
 * @property {number} executing
 * @property {number|null} occupancy_s
 * @property {number|null} received_bytes
 * @property {number|null} sent_bytes
 * @property {number} joined
 * @property {number|null} last_seen
 */

/**
 * @typedef {object} PrefixRow
 * @property {string} prefix
 * @property {number} total
 * @property {number} waiting
 * @property {number} queued
 * @property {number} no_worker
 * @property {number} processing
 * @property {number} memory
 * @property {number} erred
 * @property {number} released
 * @property {number} given_up
 * @property {number} finished
 * @property {number} raised
 * @property {number|null} mean_s
 * @property {number|null} compute_s
 * @property {string[]} needs
 */

/**
 * [worker, thread, prefix, start, duration, busy, runs, erred, key, lost]
 * @typedef {[number, number, string, number, number, number, number, number, string, number]} Bar
 */

/**
 * [thread, prefix, began, key, given_up]
 * @typedef {[number, string, number, string, boolean]} LongRun
 */

/**
 * [worker, from, start, duration, nbytes, values, key]
 * @typedef {[number, number|null, number, number, number, number, string]} Transfer
 */

/** @typedef {{number: number, at: number, kind: string, subject: string, text: string, count: number, worker_id: number|null}} EventRow */

/**
 * @typedef {object} Pulse
 * @property {boolean} full
 * @property {number} at
 * @property {Scheduler} scheduler
 * @property {WorkerRow[]} workers
 * @property {number[]} workers_gone
 * @property {Record<string, string>} names by id, of workers that left lately; in whole pulses
 * @property {PrefixRow[]} prefixes
 * @property {[number, LongRun[]][]} executing
 * @property {Bar[]} bars
 * @property {number|null} bars_from
 * @property {Transfer[]} transfers
 * @property {EventRow[]} events
 */

/** @typedef {{key?: string, label?: string, prefix: string, state?: string, x: number, y: number}} GraphNode */

/**
 * @typedef {object} Graph
 * @property {"tasks"|"groups"} of
 * @property {string|null} group
 * @property {number} version
 * @property {number} total
 * @property {number} shown
 * @property {number} width
 * @property {number} height
 * @property {GraphNode[]} nodes
 * @property {[number, number][]} edges
 */

/**
 * A page while it is shown. `leave` undoes what mounting did.
 * @typedef {{title: string, leave?: () => void}} Mounted
 */

export {};
