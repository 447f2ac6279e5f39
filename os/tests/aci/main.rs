//! Application container images, judged by other programs.
