//! A bundle taken apart, changed and put together again, so that what catches a change is not the digest at the end.

pub(super) const HEADER: u8 = 1;
pub(super) const WRITER: u8 = 2;
pub(super) const PAYLOAD: u8 = 3;
pub(super) const ENTRY: u8 = 4;
pub(super) const END: u8 = 5;

#[derive(Clone)]
pub(super) struct File {
    pub(super) records: Vec<(u8, Vec<u8>)>,
}

impl File {
    pub(super) fn open(bytes: &[u8]) -> Self {
        let (mut records, mut rest) = (Vec::new(), &bytes[8..]);
        while let Some((tag, behind)) = rest.split_first() {
            let len = u32::from_be_bytes(behind[..4].try_into().unwrap()) as usize;
            records.push((*tag, behind[4..4 + len].to_vec()));
            rest = &behind[4 + len..];
        }
        Self { records }
    }

    /// The bytes, with counts and digest as they must be now.
    pub(super) fn seal(&self) -> Vec<u8> {
        let mut file = self.clone();
        let count = |tag: u8| self.records.iter().filter(|record| record.0 == tag).count() as u64;
        let counts = [ENTRY, WRITER, PAYLOAD].map(|tag| count(tag).to_be_bytes());
        for (tag, body) in &mut file.records {
            if *tag == END && body.len() == 56 {
                body[..24].copy_from_slice(counts.as_flattened());
            }
        }
        file.seal_as_counted()
    }

    /// The bytes, with the digest as it must be and the counts as they are.
    pub(super) fn seal_as_counted(&self) -> Vec<u8> {
        let mut bytes = b"CVBUNDL\x01".to_vec();
        for (tag, body) in &self.records {
            bytes.push(*tag);
            bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
            let begin = bytes.len();
            bytes.extend(body);
            if *tag == END && body.len() == 56 {
                let digest = blake3::derive_key("causal-vault v1 2026 bundle", &bytes[..begin + 24]);
                bytes[begin + 24..].copy_from_slice(&digest);
            }
        }
        bytes
    }

    /// The places of the records of a kind.
    pub(super) fn of(&self, tag: u8) -> Vec<usize> {
        (0..self.records.len()).filter(|at| self.records[*at].0 == tag).collect()
    }

    /// A copy in which one record is another.
    pub(super) fn with(&self, at: usize, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut file = self.clone();
        change(&mut file.records[at].1);
        file
    }

    pub(super) fn without(&self, at: usize) -> Self {
        let mut file = self.clone();
        file.records.remove(at);
        file
    }

    pub(super) fn swapped(&self, at: usize) -> Self {
        let mut file = self.clone();
        file.records.swap(at, at + 1);
        file
    }

    pub(super) fn twice(&self, at: usize) -> Self {
        let mut file = self.clone();
        file.records.insert(at, file.records[at].clone());
        file
    }

    /// A copy with one more record, before this one.
    pub(super) fn more(&self, at: usize, tag: u8, body: &[u8]) -> Self {
        let mut file = self.clone();
        file.records.insert(at, (tag, body.to_vec()));
        file
    }

    /// Where in the file each record begins, and where the last ends.
    pub(super) fn boundaries(&self) -> Vec<usize> {
        let mut at = 8;
        let mut all = vec![0, at];
        for (_, body) in &self.records {
            at += 5 + body.len();
            all.push(at);
        }
        all
    }
}

/// The fields of an entry's record: name, offset and length, in the order in which they stand.
pub(super) fn fields(body: &[u8]) -> Vec<(&'static str, usize, usize)> {
    let (mut fields, mut at) = (Vec::new(), 0);
    let mut field = |name, len| {
        fields.push((name, at, len));
        at += len;
        at
    };
    field("position", 8);
    field("children", 4);
    let signed = field("signature form", 1);
    let begin = field("signature", if body[signed - 1] == 1 { 64 } else { 0 });
    let len = u32::from_be_bytes(body[begin..begin + 4].try_into().unwrap()) as usize;
    field("length", 4);
    let end = field("bytes", len);
    field("parents count", 1);
    let begin = field("parents", 8 * usize::from(body[end]));
    field("path count", 1);
    let begin = field("path", 32 * usize::from(body[begin]));
    let len = u32::from_be_bytes(body[begin..begin + 4].try_into().unwrap()) as usize;
    field("embedding length", 4);
    field("embedding", len);
    let end = field("payload form", 1);
    field("payload", body.len() - end);
    fields
}

/// One field of an entry's record.
pub(super) fn field(body: &[u8], name: &str) -> std::ops::Range<usize> {
    let (_, at, len) = fields(body).into_iter().find(|field| field.0 == name).unwrap();
    at..at + len
}
