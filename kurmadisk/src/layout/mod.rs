//! Where partitions lie: pure arithmetic.
