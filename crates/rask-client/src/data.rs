//! Links to workers, on which values are fetched and brought: opened when first needed, closed after a while without use.

use std::collections::HashMap;

use rask_client_core::Effect;
use rask_comm::{Address, Credentials, Io, LinkId, Role, Tick};
use rask_types::WorkerId;
use rask_types::msg::ToData;

/// A link on which nothing is expected is closed after this time.
const IDLE_MS: u64 = 30_000;

struct DataLink {
    link: LinkId,
    /// Answers still expected.
    expected: usize,
    used: Tick,
}

/// See the module.
#[derive(Default)]
pub(crate) struct DataLinks {
    links: HashMap<WorkerId, DataLink>,
    workers: HashMap<LinkId, WorkerId>,
}

/// A worker that cannot be reached, and why.
pub(crate) struct Unreachable {
    pub(crate) worker: WorkerId,
    pub(crate) why: String,
}

impl DataLinks {
    /// Says what the core wants said, to the worker that listens at `address`.
    pub(crate) fn carry_out(
        &mut self,
        effect: Effect,
        address: Option<&str>,
        data_secret: &[u8],
        io: &mut Io,
    ) -> Result<(), Unreachable> {
        let (worker, expected, message) = match effect {
            Effect::FetchFrom { worker, request, values } => {
                (worker, values.len(), ToData::Fetch { request, values })
            }
            Effect::PutTo { worker, request, value, payload, type_name } => {
                (worker, 1, ToData::Put { request, value, payload, type_name })
            }
            _ => return Ok(()),
        };
        let now = io.now();
        let link = match self.links.get_mut(&worker) {
            Some(link) => link,
            None => self.open(worker, address, data_secret, io)?,
        };
        link.expected += expected;
        link.used = now;
        io.send(link.link, message);
        Ok(())
    }

    fn open(
        &mut self,
        worker: WorkerId,
        address: Option<&str>,
        data_secret: &[u8],
        io: &mut Io,
    ) -> Result<&mut DataLink, Unreachable> {
        let text = address.unwrap_or_default();
        let parsed = text.parse::<Address>();
        let address = parsed.map_err(|error| Unreachable { worker, why: error.to_string() })?;
        let link = io.connect(&address, Role::Data, Credentials::secret(data_secret));
        self.workers.insert(link, worker);
        let opened = DataLink { link, expected: 0, used: io.now() };
        Ok(self.links.entry(worker).or_insert(opened))
    }

    /// Whose link it is.
    pub(crate) fn worker_of(&self, link: LinkId) -> Option<WorkerId> {
        self.workers.get(&link).copied()
    }

    /// A worker answered.
    pub(crate) fn note_answer(&mut self, worker: WorkerId, now: Tick) {
        if let Some(link) = self.links.get_mut(&worker) {
            link.expected = link.expected.saturating_sub(1);
            link.used = now;
        }
    }

    /// A link ended; gives whose it was, unless it was closed here.
    pub(crate) fn on_close(&mut self, link: LinkId) -> Option<WorkerId> {
        let worker = self.workers.remove(&link)?;
        if self.links.get(&worker).is_some_and(|known| known.link == link) {
            self.links.remove(&worker);
        }
        Some(worker)
    }

    /// Closes links that were not used for long; gives when to look again.
    pub(crate) fn close_idle(&mut self, now: Tick, io: &mut Io) -> Option<Tick> {
        let mut next: Option<Tick> = None;
        let DataLinks { links, workers } = self;
        links.retain(|_, link| {
            let until = link.used.plus_ms(IDLE_MS);
            if link.expected == 0 && until <= now {
                workers.remove(&link.link);
                io.close(link.link, "not used for a while");
                return false;
            }
            let look = until.max(now.plus_ms(1_000));
            next = Some(next.map_or(look, |next| next.min(look)));
            true
        });
        next
    }
}
