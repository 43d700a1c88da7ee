//! Taking in entries that were made elsewhere.

use super::open::Vault;
use crate::backend::Access;
use crate::causal::adopt::Adopter;
use crate::words::Result;

impl Vault {
    /// Runs `body` in a transaction and commits what it has adopted, or nothing. Subscribers are told after the commit,
    /// unless a watcher tells them.
    pub(crate) fn adopt<T>(&self, body: impl FnOnce(&mut Adopter<'_>) -> Result<T>) -> Result<T> {
        let sql = self.begin_sound(Access::Write)?;
        self.catalogue().check(&*sql)?;
        let adopter = Adopter::open(&*sql, self.tenant(), self.settings().inline_bytes);
        let mut adopter = self.health().heed(adopter)?;
        let value = self.health().heed(body(&mut adopter))?;
        let (head, is_outermost) = (adopter.head(), sql.is_outermost());
        let start = self.health().heed(adopter.finish())?;
        // The same bundle again finds what is there, so that an unknown outcome is settled by another import.
        self.bells().commit(&[], || self.commit_own(sql))?;
        if head.size > start && is_outermost {
            self.committed_unheard(start, head.size).for_each(|header| self.bells().ring(&[header], None));
            self.bells().ring(&[], Some(head));
        }
        Ok(value)
    }
}
