//! Creating the tables, and proving that they are still what was created.

use std::sync::atomic::{AtomicI64, Ordering};

use super::hash::Realm;
use super::table::{TABLES, Table, node, realm, timeline};
use crate::backend::{Access, Backend, Dialect, Sql, Transaction, columns};
use crate::words::{ErrorKind, Result, StoreError};

/// Creates the tables of a vault where there are none; otherwise checks the format and the schema.
pub(crate) fn ensure(db: &dyn Backend) -> Result<()> {
    ensure_entries(db)?;
    if exists(db, &node::TABLE)? {
        return inspect(db, &node::TABLE);
    }
    create(db, |tx| {
        if exists(tx, &node::TABLE)? {
            return Ok(());
        }
        node::TABLE.schema.iter().try_for_each(|statement| tx.exec(statement, &[]).map(drop))?;
        // What an older version of the crate has stored has no nodes yet. Entries that were changed get none: the vault
        // can be opened, and verified.
        for timeline in timeline::all(tx)? {
            match timeline::read(tx, timeline).and_then(|timeline| node::rebuild(tx, &timeline)) {
                Ok(_) | Err(StoreError::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    })?;
    inspect(db, &node::TABLE)
}

/// Whether a vault was created here.
pub(crate) fn is_there(db: &dyn Backend) -> Result<bool> {
    exists(db, &realm::TABLE)
}

fn ensure_entries(db: &dyn Backend) -> Result<()> {
    db.check()?;
    if exists(db, &realm::TABLE)? {
        realm::read(db)?;
        return TABLES.iter().try_for_each(|table| inspect(db, table));
    }
    create(db, |tx| {
        // Another process may have been faster.
        if exists(tx, &realm::TABLE)? {
            return Ok(());
        }
        create_entries(tx, &Realm::random()?)
    })?;
    TABLES.iter().try_for_each(|table| inspect(db, table))
}

/// Creates the tables of a vault that is to continue another one's realm, in a transaction of the caller's.
pub(crate) fn create_as(tx: &dyn Transaction, realm: &Realm) -> Result<()> {
    if exists(tx, &realm::TABLE)? {
        return Err(StoreError::Invalid {
            what: "file",
            reason: "it holds a vault already; open it and import, or restore into a file of its own".to_owned(),
        });
    }
    create_entries(tx, realm)?;
    node::TABLE.schema.iter().try_for_each(|statement| tx.exec(statement, &[]).map(drop))
}

fn create_entries(tx: &dyn Transaction, realm: &Realm) -> Result<()> {
    for table in TABLES {
        if exists(tx, table)? {
            return Err(StoreError::Corrupt {
                what: format!("table {}", realm::TABLE.name),
                detail: format!(
                    "it is missing, and {} is there; restore the vault from a backup, or rename that table if it is yours",
                    table.name
                ),
            });
        }
        table.schema.iter().try_for_each(|statement| tx.exec(statement, &[]).map(drop))?;
    }
    realm::create(tx, realm)
}

/// Creates one table that stands for itself, or checks it.
pub(crate) fn ensure_table(db: &dyn Backend, table: &Table) -> Result<()> {
    db.check()?;
    if !exists(db, table)? {
        create(db, |tx| {
            if exists(tx, table)? {
                return Ok(());
            }
            table.schema.iter().try_for_each(|statement| tx.exec(statement, &[]).map(drop))
        })
        .map_err(|error| match error.kind() {
            ErrorKind::Denied => StoreError::Unsupported {
                what: "reading a vault that lacks a table",
                reason: format!("{} is missing and cannot be created here; open the vault once to write", table.name),
            },
            _ => error,
        })?;
    }
    inspect(db, table)
}

/// Whether a table that stands for itself was created.
pub(crate) fn is_present<S: Sql + ?Sized>(sql: &S, table: &Table) -> Result<bool> {
    exists(sql, table)
}

fn create(db: &dyn Backend, body: impl FnOnce(&dyn Transaction) -> Result<()>) -> Result<()> {
    let tx = db.begin(Access::Write)?;
    body(&*tx)?;
    tx.commit()
}

fn exists<S: Sql + ?Sized>(sql: &S, table: &Table) -> Result<bool> {
    let query = match sql.dialect() {
        Dialect::Sqlite => "SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE",
        Dialect::Postgres => "SELECT 1 FROM pg_class WHERE relname = ? AND pg_table_is_visible(oid)",
    };
    Ok(sql.first(query, &[super::table::text(table.name)], |_| Ok(()))?.is_some())
}

/// The catalogue as it was when these tables were last found to be in order.
pub(crate) struct Catalogue {
    tables: &'static [&'static Table],
    version: AtomicI64,
}

impl Catalogue {
    pub(crate) fn of(tables: &'static [&'static Table]) -> Self {
        Self { tables, version: AtomicI64::default() }
    }

    /// Inspects the tables again where the catalogue has changed since, by whatever process.
    pub(crate) fn check<S: Sql + ?Sized>(&self, sql: &S) -> Result<()> {
        if sql.dialect() != Dialect::Sqlite {
            return Ok(());
        }
        let version = sql.first("PRAGMA schema_version", &[], |row| columns::int(row, 0))?.unwrap_or_default();
        if self.version.load(Ordering::Relaxed) != version {
            self.tables.iter().try_for_each(|table| inspect(sql, table))?;
            self.version.store(version, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Everything in the database's catalogue that bears on this table is what we put there.
fn inspect<S: Sql + ?Sized>(sql: &S, table: &Table) -> Result<()> {
    if sql.dialect() != Dialect::Sqlite {
        return Ok(());
    }
    let corrupt = |detail: String| StoreError::Corrupt { what: format!("table {}", table.name), detail };
    let mut found = Vec::new();
    for catalogue in ["sqlite_master", "sqlite_temp_master"] {
        let objects = sql.all(
            // The catalogue keeps a name as it was typed, and SQLite finds a table by it in any case.
            &format!(
                "SELECT type, name, sql FROM {catalogue} WHERE tbl_name = ? COLLATE NOCASE OR name = ? COLLATE NOCASE"
            ),
            &[super::table::text(table.name), super::table::text(table.name)],
            |row| {
                let text = columns::optional(row, 2, columns::text)?.map(str::to_owned);
                Ok((columns::text(row, 0)?.to_owned(), columns::text(row, 1)?.to_owned(), text))
            },
        )?;
        for (kind, name, text) in objects {
            match (kind.as_str(), text) {
                // SQLite's own index behind a UNIQUE constraint has no text.
                ("index", None) => {}
                ("table" | "index", Some(text)) if catalogue == "sqlite_master" => found.push(text),
                _ => {
                    return Err(corrupt(format!(
                        "{kind} {name:?} in {catalogue} stands in its way and could change what is stored or read; \
                         drop it"
                    )));
                }
            }
        }
    }
    if found.is_empty() {
        return Err(corrupt("it is missing; restore the vault from a backup".to_owned()));
    }
    for statement in table.schema {
        if !found.iter().any(|text| text == statement) {
            return Err(corrupt(format!(
                "its schema is {found:?}, which lacks {statement:?}; restore it from a backup"
            )));
        }
    }
    Ok(())
}
