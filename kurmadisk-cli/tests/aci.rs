//! `kurmadisk aci`.
