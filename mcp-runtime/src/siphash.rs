//! [SipHash]: digests that are the same in every process and on every machine.
//!
//! [SipHash]: https://www.aumasson.jp/siphash/siphash.pdf

/// SipHash-1-3 of 64 bits, without a key.
pub(crate) fn short(message: &[u8]) -> u64 {
    let mut state = State::new(&[0; 16]);
    state.absorb::<1>(message);
    state.v2 ^= 0xff;
    state.squeeze::<3>()
}

/// SipHash-2-4 of 128 bits: who does not know the key does not find two messages with one digest.
pub(crate) fn long(key: &[u8; 16], message: &[u8]) -> [u8; 16] {
    let mut state = State::new(key);
    state.v1 ^= 0xee;
    state.absorb::<2>(message);
    state.v2 ^= 0xee;
    let first = state.squeeze::<4>();
    state.v1 ^= 0xdd;
    let second = state.squeeze::<4>();
    (u128::from(first) | u128::from(second) << 64).to_le_bytes()
}

/// Named as in the paper.
struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    fn new(key: &[u8; 16]) -> Self {
        let key = u128::from_le_bytes(*key);
        let (k0, k1) = (key as u64, (key >> 64) as u64);
        Self {
            v0: k0 ^ 0x736f_6d65_7073_6575,
            v1: k1 ^ 0x646f_7261_6e64_6f6d,
            v2: k0 ^ 0x6c79_6765_6e65_7261,
            v3: k1 ^ 0x7465_6462_7974_6573,
        }
    }

    /// Takes in a message, word by word; the last one ends with the length.
    fn absorb<const ROUNDS: usize>(&mut self, message: &[u8]) {
        let (words, rest) = message.as_chunks();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        last[7] = message.len() as u8;
        for word in words.iter().chain([&last]) {
            let word = u64::from_le_bytes(*word);
            self.v3 ^= word;
            self.turn::<ROUNDS>();
            self.v0 ^= word;
        }
    }

    fn squeeze<const ROUNDS: usize>(&mut self) -> u64 {
        self.turn::<ROUNDS>();
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }

    #[inline(always)]
    fn turn<const ROUNDS: usize>(&mut self) {
        for _ in 0..ROUNDS {
            self.v0 = self.v0.wrapping_add(self.v1);
            self.v2 = self.v2.wrapping_add(self.v3);
            self.v1 = self.v1.rotate_left(13) ^ self.v0;
            self.v3 = self.v3.rotate_left(16) ^ self.v2;
            self.v0 = self.v0.rotate_left(32);
            self.v2 = self.v2.wrapping_add(self.v1);
            self.v0 = self.v0.wrapping_add(self.v3);
            self.v1 = self.v1.rotate_left(17) ^ self.v2;
            self.v3 = self.v3.rotate_left(21) ^ self.v0;
            self.v2 = self.v2.rotate_left(32);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use siphasher::sip::SipHasher13;
    use siphasher::sip128::SipHasher24;

    use super::*;

    proptest! {
        #[test]
        fn digests_are_those_of_the_crate(
            key in any::<[u8; 16]>(),
            message in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            prop_assert_eq!(short(&message), SipHasher13::new().hash(&message));
            prop_assert_eq!(long(&key, &message), SipHasher24::new_with_key(&key).hash(&message).as_bytes());
        }
    }
}
