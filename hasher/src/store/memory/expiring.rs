//! A map whose values end, and that is never larger than it may be. Pure: time is an argument.
//!
//! Callers choose the keys, so it must not grow for ever; and a limit that is forgotten lets more
//! through, so what goes first is what would end first anyway.

use std::collections::BTreeMap;

/// Values by key, each with its end.
pub(super) struct Expiring<T> {
    values: BTreeMap<String, (i64, T)>,
    max: usize,
}

impl<T: Default> Expiring<T> {
    /// Empty, for at most so many.
    pub(super) fn new(max: usize) -> Self {
        Self { values: BTreeMap::new(), max: max.max(1) }
    }

    /// Changes a value, an empty one if there is none. `change` gives back its answer and when the value
    /// ends; `None` = it is over.
    pub(super) fn change<A>(
        &mut self,
        key: &str,
        now_ms: i64,
        change: impl FnOnce(&mut T) -> (A, Option<i64>),
    ) -> A {
        if let Some((end_ms, value)) = self.values.get_mut(key) {
            if *end_ms <= now_ms {
                *value = T::default();
            }
            let (answer, end) = change(value);
            match end {
                Some(end) => *end_ms = end,
                None => drop(self.values.remove(key)),
            }
            return answer;
        }
        let mut value = T::default();
        let (answer, end) = change(&mut value);
        if let Some(end_ms) = end {
            if self.values.len() >= self.max {
                self.make_room(now_ms);
            }
            self.values.insert(key.to_owned(), (end_ms, value));
        }
        answer
    }

    /// A value, perhaps one that is over.
    pub(super) fn get(&self, key: &str) -> Option<&T> {
        self.values.get(key).map(|(_, value)| value)
    }

    /// What is over goes; if nothing is, the tenth that ends first, so that this is seldom needed.
    fn make_room(&mut self, now_ms: i64) {
        self.values.retain(|_, (end_ms, _)| now_ms < *end_ms);
        if self.values.len() < self.max {
            return;
        }
        let mut ends: Vec<i64> = self.values.values().map(|(end_ms, _)| *end_ms).collect();
        let tenth = ends.len() / 10;
        let (_, last, _) = ends.select_nth_unstable(tenth);
        let last = *last;
        let mut spare = tenth + 1;
        self.values.retain(|_, (end_ms, _)| {
            let goes = *end_ms <= last && spare > 0;
            spare -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    //! The bound, and who goes first.

    use super::*;

    fn put(map: &mut Expiring<u32>, key: &str, now_ms: i64, end_ms: i64) -> u32 {
        map.change(key, now_ms, |value| {
            *value += 1;
            (*value, Some(end_ms))
        })
    }

    #[test]
    fn a_value_that_is_over_starts_anew() {
        let mut map = Expiring::new(10);
        assert_eq!(put(&mut map, "a", 0, 10), 1);
        assert_eq!(put(&mut map, "a", 9, 20), 2);
        assert_eq!(put(&mut map, "a", 20, 30), 1);
        map.change("a", 21, |_| ((), None));
        assert!(map.get("a").is_none());
    }

    #[test]
    fn a_full_map_forgets_what_ends_first() {
        let mut map = Expiring::new(20);
        for index in 0..20 {
            put(&mut map, &format!("{index:02}"), 0, 100 + index);
        }
        put(&mut map, "new", 0, 50);
        assert_eq!(map.values.len(), 18);
        assert!(map.get("00").is_none() && map.get("02").is_none() && map.get("03").is_some());
        // All alike: no more than a tenth goes.
        let mut map = Expiring::new(20);
        for index in 0..21 {
            put(&mut map, &format!("{index:02}"), 0, 100);
        }
        assert_eq!(map.values.len(), 18);
        // What is over goes first, and is enough.
        put(&mut map, "a", 0, 1_000);
        put(&mut map, "b", 0, 1_000);
        put(&mut map, "c", 200, 1_000);
        assert_eq!(map.values.len(), 3);
    }
}
