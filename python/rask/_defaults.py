"""The settings rask ships with, under the names Dask gave them.

A plain dict rather than a file, so that `import rask` parses nothing. Users override it by files, by
`RASK_…` environment variables or by `rask.config.set`; `rask.config` explains the order.

Values are written as a person would write them in a file: sizes and durations are strings with a unit
(`rask.sizes.parse_bytes` and `parse_timedelta` read them), fractions are plain numbers, None means "not set".
"""

from __future__ import annotations

DEFAULTS: dict = {
    # Folder for spilled values and uploaded files; None: the system's folder for temporary files.
    "temporary-directory": None,
    # What `Client()` connects to; None: it starts a local cluster. RASK_SCHEDULER_ADDRESS lands here.
    "scheduler-address": None,
    # Whether `delayed` functions are pure when nothing else says so.
    "delayed-pure": False,
    "visualization": {
        "engine": None,
    },
    "tokenize": {
        # True: tokenize() raises for what has no deterministic token instead of giving it a random one.
        "ensure-deterministic": False,
    },
    "array": {
        "backend": "numpy",
        "chunk-size": "128MiB",
        "chunk-size-tolerance": 1.25,
        "rechunk": {
            "method": None,
            "threshold": 4,
        },
        "svg": {
            "size": 120,  # pixels
        },
        "slicing": {
            "split-large-chunks": None,
        },
    },
    "dataframe": {
        "backend": "pandas",
        "shuffle": {
            "method": None,
            "compression": None,
        },
        "convert-string": None,
    },
    "optimization": {
        "annotations": {
            "fuse": True,
        },
        "fuse": {
            "active": None,
            "ave-width": 1,
            "max-width": None,
            "max-height": float("inf"),
            "max-depth-new-edges": None,
            "rename-keys": True,
            # Whether linear chains of `delayed` calls become one task.
            "delayed": False,
        },
    },
    "admin": {
        "traceback": {
            # Regular expressions; frames whose file matches are left out of a task's traceback.
            "shorten": [
                r"concurrent[\\\/]futures[\\\/]",
                r"rask[\\\/](base|core|delayed|local|threaded)\.py",
                r"rask[\\\/]distributed[\\\/]",
            ],
        },
    },
    "distributed": {
        "scheduler": {
            # How many workers may die under a task before the task is failed with KilledWorker.
            "allowed-failures": 3,
            "bandwidth": 100_000_000,  # bytes per second expected between workers
            "contact-address": None,
            "default-data-size": "1kiB",
            "default-task-durations": {},
            "unknown-task-duration": "500ms",
            "events-cleanup-delay": "1h",
            "idle-timeout": None,
            "no-workers-timeout": None,
            "work-stealing": True,
            "work-stealing-interval": "1s",
            # Root tasks sent to a worker at a time, as a multiple of its threads; inf: all at once.
            "worker-saturation": 1.1,
            "worker-ttl": "5 minutes",
            "preload": [],
            "preload-argv": [],
            "validate": False,
            "locks": {
                "lease-validation-interval": "10s",
                "lease-timeout": "30s",
            },
            "active-memory-manager": {
                "start": True,
                "interval": "2s",
                "measure": "optimistic",
            },
        },
        "worker": {
            "multiprocessing-method": "spawn",
            "daemon": True,
            "preload": [],
            "preload-argv": [],
            "resources": {},
            "validate": False,
            "connections": {
                "outgoing": 50,
                "incoming": 10,
            },
            "transfer": {
                "message-bytes-limit": "50MB",
            },
            "lifetime": {
                "duration": None,
                "stagger": "0 seconds",
                "restart": False,
            },
            "profile": {
                "enabled": True,
                "interval": "10ms",
                "cycle": "1000ms",
                "low-level": False,
            },
            "memory": {
                "recent-to-old-time": "30s",
                "rebalance": {
                    "measure": "optimistic",
                    "sender-min": 0.30,
                    "recipient-max": 0.60,
                    "sender-recipient-gap": 0.10,
                },
                # Fractions of the worker's memory limit; False turns one off.
                "transfer": 0.10,
                "target": 0.60,
                "spill": 0.70,
                "pause": 0.80,
                "terminate": 0.95,
                "max-spill": False,
                "spill-compression": "auto",
                "monitor-interval": "100ms",
            },
        },
        "nanny": {
            "preload": [],
            "preload-argv": [],
            "environ": {},
            # Set before the worker process starts, so that its allocator and thread pools see them.
            "pre-spawn-environ": {
                "MALLOC_TRIM_THRESHOLD_": 65536,
                "OMP_NUM_THREADS": 1,
                "MKL_NUM_THREADS": 1,
                "OPENBLAS_NUM_THREADS": 1,
            },
        },
        "client": {
            "direct-to-workers": None,
            "heartbeat": "5s",
            "scheduler-info-interval": "2s",
            "security-loader": None,
            "preload": [],
            "preload-argv": [],
        },
        "deploy": {
            "lost-worker-timeout": "15s",
            "cluster-repr-interval": "500ms",
        },
        "adaptive": {
            "interval": "1s",
            "target-duration": "5s",
            "minimum": 0,
            "maximum": float("inf"),
            "wait-count": 3,
        },
        "comm": {
            "retry": {
                "count": 0,
                "delay": {
                    "min": "1s",
                    "max": "20s",
                },
            },
            "compression": False,
            "default-scheme": "tcp",
            "socket-backlog": 2048,
            "timeouts": {
                "connect": "30s",
                "tcp": "30s",
            },
            "require-encryption": None,
            "tls": {
                "ciphers": None,
                "min-version": 1.2,
                "max-version": None,
                "ca-file": None,
                "scheduler": {"cert": None, "key": None},
                "worker": {"cert": None, "key": None},
                "client": {"cert": None, "key": None},
            },
        },
        "diagnostics": {
            "nvml": True,
            "computations": {
                "max-history": 100,
                "nframes": 0,
            },
            "erred-tasks": {
                "max-history": 100,
            },
        },
        "dashboard": {
            "link": "{scheme}://{host}:{port}/status",
            "graph-max-items": 5000,
            "prometheus": {
                "namespace": "dask",  # the name that existing monitoring boards look for
            },
        },
        "admin": {
            # A graph or argument larger than this is warned about, with the remedy.
            "large-graph-warning-threshold": "10MB",
            "tick": {
                "interval": "20ms",
                "limit": "3s",
                "cycle": "1s",
            },
            "max-error-length": 10_000,
            "log-length": 10_000,
            "log-format": "%(asctime)s - %(name)s - %(levelname)s - %(message)s",
            "low-level-log-length": 1000,
            "pdb-on-err": False,
            "system-monitor": {
                "interval": "500ms",
                "log-length": 7200,
                "disk": True,
                "host-cpu": False,
                "gil": {
                    "enabled": True,
                    "interval": "1ms",
                },
            },
        },
    },
}
"""Every shipped setting, nested; `rask.config.refresh` copies from it and nothing writes to it."""

DEPRECATIONS: dict[str, str | None] = {
    "fuse-ave-width": "optimization.fuse.ave-width",
    "fuse-max-height": "optimization.fuse.max-height",
    "fuse-max-width": "optimization.fuse.max-width",
    "fuse-rename-keys": "optimization.fuse.rename-keys",
    "fuse-max-depth-new-edges": "optimization.fuse.max-depth-new-edges",
    "shuffle": "dataframe.shuffle.method",
    "array.rechunk-threshold": "array.rechunk.threshold",
    "array.shuffle.chunksize-tolerance": "array.chunk-size-tolerance",
    "dataframe.shuffle.algorithm": "dataframe.shuffle.method",
    "dataframe.shuffle-compression": "dataframe.shuffle.compression",
    "admin.traceback.shorten.what": "admin.traceback.shorten",
}
"""Names that older Dask programs still use, and what each is called now (None: it is gone)."""
