//! A stream of embeddings that are known to come from intents: few large ones and many small ones, which drift, and some
//! of which begin late. It is nobody's data, and the same on every machine but for rounding.

/// What the stream is like.
#[derive(Clone, Copy)]
pub(crate) struct Stream {
    pub(crate) events: usize,
    pub(crate) intents: usize,
    pub(crate) dimension: usize,
    /// How far events scatter around their intent, whose length is 1.
    pub(crate) noise: f32,
    /// The n-th intent is 1/n^skew as frequent as the first.
    pub(crate) skew: f32,
    /// How far an intent moves from the first event to the last.
    pub(crate) drift: f32,
    /// The part of the stream within which the intents of the late half begin.
    pub(crate) late: f32,
    /// How much the intents of one family have in common; eight make a family.
    pub(crate) family: f32,
    pub(crate) seed: u64,
}

impl Stream {
    pub(crate) const PLAIN: Self = Self {
        events: 600,
        intents: 12,
        dimension: 32,
        noise: 0.7,
        skew: 0.6,
        drift: 0.0,
        late: 0.0,
        family: 0.0,
        seed: 1,
    };

    /// The embeddings, one after the other, and the intent of each.
    pub(crate) fn events(&self) -> (Vec<Vec<f32>>, Vec<usize>) {
        let mut dice = Dice::new(self.seed);
        let families: Vec<Vec<f32>> = (0..self.intents.div_ceil(8)).map(|_| dice.direction(self.dimension)).collect();
        let centres: Vec<[Vec<f32>; 2]> = (0..self.intents)
            .map(|intent| {
                let family = &families[intent % families.len()];
                let own = dice.direction(self.dimension);
                let centre = own.iter().zip(family).map(|(own, family)| own + self.family * family).collect();
                [centre, dice.direction(self.dimension)]
            })
            .collect();
        let begins: Vec<f32> =
            (0..self.intents).map(|intent| if intent % 2 == 1 { dice.uniform() * self.late } else { 0.0 }).collect();
        let event = |number: usize| {
            let time = number as f32 / self.events as f32;
            let weight = |intent: usize| {
                if begins[intent] <= time { (intent as f32 + 1.0).powf(-self.skew) } else { 0.0 }
            };
            let mut left = dice.uniform() * (0..self.intents).map(weight).sum::<f32>();
            let intent = (0..self.intents).find(|intent| {
                left -= weight(*intent);
                left < 0.0
            });
            let intent = intent.unwrap_or(0);
            let [centre, drift] = &centres[intent];
            let scatter = self.noise / (self.dimension as f32).sqrt();
            let values = centre
                .iter()
                .zip(drift)
                .map(|(centre, drift)| centre + self.drift * time * drift + scatter * dice.normal());
            (values.collect(), intent)
        };
        (0..self.events).map(event).unzip()
    }
}

/// Numbers that a seed reproduces.
pub(crate) struct Dice(blake3::OutputReader);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof())
    }

    pub(crate) fn uniform(&mut self) -> f32 {
        let mut bytes = [0; 2];
        self.0.fill(&mut bytes);
        f32::from(u16::from_le_bytes(bytes)) / 65_536.0
    }

    /// About normal: the sum of twelve uniform numbers has the variance 1.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }

    pub(crate) fn direction(&mut self, dimension: usize) -> Vec<f32> {
        let values: Vec<f32> = (0..dimension).map(|_| self.normal()).collect();
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter().map(|value| value / length).collect()
    }
}
