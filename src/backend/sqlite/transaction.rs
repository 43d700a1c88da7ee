//! A transaction on one thread's connection, or on the one that writers share.

use std::ops::Deref;

use parking_lot::{MappedMutexGuard, MutexGuard};

use super::session::Session;
use crate::backend::{Access, Dialect, Row, Transaction, Value, Visitor};
use crate::words::Result;

/// A savepoint where the consumer has already begun a transaction on the connection.
pub(super) struct SqliteTransaction<'a> {
    session: Held<'a>,
    nested: bool,
    _queue: Option<Queue<'a>>,
    _lent: Option<Lent<'a>>,
}

/// The place before the other writers of this process, and the connection that they share.
pub(super) type Queue<'a> = MutexGuard<'a, Option<Session>>;

/// What a transaction runs on.
enum Held<'a> {
    Own(&'a Session),
    Shared(MappedMutexGuard<'a, Session>),
}

/// Says on a thread's own session, until it is dropped, that its transaction is open on the shared one.
struct Lent<'a>(&'a Session);

impl<'a> SqliteTransaction<'a> {
    /// `queue` waits for the other writers of this process.
    pub(super) fn begin(
        session: &'a Session,
        access: Access,
        queue: impl FnOnce() -> Result<Queue<'a>>,
    ) -> Result<Self> {
        session.check_free()?;
        let nested = !session.is_idle();
        let (sql, queue) = match (nested, access) {
            (true, _) => ("SAVEPOINT causal_vault", None),
            (false, Access::Read) => ("BEGIN", None),
            (false, Access::SharedWrite | Access::Write) => ("BEGIN IMMEDIATE", Some(queue()?)),
        };
        session.exec(sql, &[])?;
        session.set_open(Some(access));
        Ok(Self { session: Held::Own(session), nested, _queue: queue, _lent: None })
    }

    /// Begins to write on the shared connection for the thread whose own session is `session`.
    pub(super) fn begin_shared(session: &'a Session, shared: MappedMutexGuard<'a, Session>) -> Result<Self> {
        shared.exec("BEGIN IMMEDIATE", &[])?;
        shared.set_open(Some(Access::SharedWrite));
        session.set_lent(true);
        Ok(Self { session: Held::Shared(shared), nested: false, _queue: None, _lent: Some(Lent(session)) })
    }
}

impl Deref for Held<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        match self {
            Self::Own(session) => session,
            Self::Shared(session) => session,
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.set_lent(false);
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn exec(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.session.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        self.session.query(sql, params)
    }

    fn visit(&self, sql: &str, params: &[Value], visit: &mut Visitor<'_>) -> Result<()> {
        self.session.visit(sql, params, visit)
    }

    fn is_outermost(&self) -> bool {
        !self.nested
    }

    fn forget(&self) -> Result<()> {
        self.session.exec("PRAGMA shrink_memory", &[]).map(drop)
    }

    fn commit(self: Box<Self>) -> Result<()> {
        self.session.exec(if self.nested { "RELEASE causal_vault" } else { "COMMIT" }, &[])?;
        self.session.set_open(None);
        Ok(())
    }
}

impl Drop for SqliteTransaction<'_> {
    fn drop(&mut self) {
        // Closed by a commit; or SQLite, or the consumer on the connection, has already rolled back.
        if self.session.open().is_some() && !self.session.is_idle() {
            // Nobody is left to tell, and a savepoint that the consumer has released is gone.
            if self.nested {
                let _ = self.session.exec("ROLLBACK TO causal_vault", &[]);
                let _ = self.session.exec("RELEASE causal_vault", &[]);
            } else {
                let _ = self.session.exec("ROLLBACK", &[]);
            }
        }
        self.session.set_open(None);
    }
}
