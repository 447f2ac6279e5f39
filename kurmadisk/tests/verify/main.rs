//! What platforms refuse of packages: every rule by a package that breaks it.
//!
//! | file | holds |
//! |---|---|
//! | `support` | (appliances made with tar, and what is observed of them) |
//! | `appliance` | OVA archives and their manifests |
//! | `ovf` | OVF documents, and files beside them |
//! | `others` | archives for GCE, .vmx files, and what is none of these |
//! | `hostile` | damaged packages do no harm |
//! | `own` | packages that kurmadisk writes break no rule |
//! | `table` | the rules and the documentation are in step |

mod appliance;
mod hostile;
mod others;
mod ovf;
mod own;
mod support;
mod table;
