//! What headers can say, one by one.

use kurmadisk::tree::{DeviceNumber, FileFlags, Node, NodeKind, Timestamp, Tree};

use super::support::{
    Archive, DEVMAJOR, MAGIC, MODE, MTIME, PREFIX, SIZE, UID, bytes_of, header, put, summed, whole,
};

fn node<'t>(tree: &'t Tree, path: &str) -> &'t Node {
    tree.node(tree.lookup(path.as_bytes()).expect("there"))
}

fn content(tree: &Tree, path: &str) -> Vec<u8> {
    match &node(tree, path).kind {
        NodeKind::File(map) => bytes_of(map),
        other => panic!("{other:?}"),
    }
}

#[test]
fn missing_parents_belong_to_root_until_they_come() {
    let first = summed({
        let mut block = header(b"./a//b/./file", b'0', 3);
        put(&mut block, MTIME, b"00000000007\0");
        block
    });
    let tree = Archive::new()
        .header(&first)
        .data(b"abc")
        .file("a/b/later", b"")
        .dir("a/")
        .dir("./")
        .dir("a")
        .tree();
    assert_eq!(content(&tree, "a/b/file"), b"abc");
    let implied = &node(&tree, "a/b").meta;
    assert_eq!((implied.mode, implied.uid, implied.gid), (0o755, 0, 0));
    assert_eq!((implied.mtime.seconds, implied.mtime.nanos), (7, 0));
    for path in ["a", ""] {
        let given = &node(&tree, path).meta;
        assert_eq!((given.mode, given.uid, given.gid), (0o640, 1, 2), "{path}");
        assert_eq!(given.mtime.seconds, 1_000_000_000);
    }
}

#[test]
fn types_of_every_dialect() {
    let device: [(usize, &[u8]); 2] = [(DEVMAJOR, b"0000010\0"), (DEVMAJOR + 8, b"0000377\0")];
    let v7: [(usize, &[u8]); 1] = [(MAGIC, &[0; 8])];
    let large: [(usize, &[u8]); 1] =
        [(DEVMAJOR, b"\x80\0\0\0\0\0\x0f\xff\x80\0\0\0\0\x0f\xff\xff")];
    let tree = Archive::new()
        .changed(header(b"old/", 0, 0), &v7)
        .changed(header(b"old/file", 0, 2), &v7)
        .data(b"v7")
        .entry("contiguous", b'7', b"seven")
        .link("old/link", b'1', "./old/file")
        .link("symlink", b'2', "../../anywhere")
        .changed(header(b"char", b'3', 0), &device)
        .changed(header(b"block", b'4', 0), &large)
        .pax(&[("SCHILY.devmajor", b"259"), ("SCHILY.devminor", b"65536")])
        .changed(header(b"pax", b'4', 0), &device)
        .entry("fifo", b'6', b"")
        .entry("volume", b'V', b"")
        .entry("dump", b'D', b"Yfile\0\0")
        .tree();
    assert_eq!(content(&tree, "old/link"), b"v7");
    assert_eq!(node(&tree, "old/file").links(), 2);
    assert_eq!(content(&tree, "contiguous"), b"seven");
    let target = |bytes: &[u8]| matches!(&node(&tree, "symlink").kind, NodeKind::Symlink(to) if **to == *bytes);
    assert!(target(b"../../anywhere"));
    let number = |path: &str| match node(&tree, path).kind {
        NodeKind::CharDevice(device) => ('c', device),
        NodeKind::BlockDevice(device) => ('b', device),
        ref other => panic!("{other:?}"),
    };
    let device = |major, minor| DeviceNumber { major, minor };
    assert_eq!(number("char"), ('c', device(8, 255)));
    assert_eq!(number("block"), ('b', device(4095, 0xf_ffff)));
    assert_eq!(number("pax"), ('b', device(259, 65_536)));
    assert!(matches!(node(&tree, "fifo").kind, NodeKind::Fifo));
    assert!(matches!(node(&tree, "dump").kind, NodeKind::Directory(_)));
    assert_eq!(tree.lookup(b"volume"), None);
}

#[test]
fn names_longer_than_their_field() {
    let long = "d/".repeat(200) + "name";
    let target = "t".repeat(3000);
    let gnu = |name: &str, typeflag| {
        let header = header(name.as_bytes(), typeflag, 0);
        Archive::new().changed(header, &[(MAGIC, b"ustar  \0")]).0
    };
    let mut with_nul = long.clone().into_bytes();
    with_nul.push(0);
    let mut archive = Archive::new()
        .changed(header(b"name", b'0', 0), &[(PREFIX, b"some/prefix")])
        .changed(
            header(b"star", b'0', 0),
            &[
                (PREFIX, b"short\0"),
                (PREFIX + 131, b"00000000001\0"),
                (508, b"tar\0"),
            ],
        )
        .entry("././@LongLink", b'K', target.as_bytes())
        .entry("././@LongLink", b'L', &with_nul);
    archive.0.extend(gnu("cut", b'2'));
    let tree = archive
        .pax(&[("path", b"pax/\xff"), ("linkpath", b"to")])
        .entry("ignored", b'2', b"")
        .tree();
    assert!(tree.lookup(b"some/prefix/name").is_some());
    assert!(tree.lookup(b"short/star").is_some());
    let kind = |path: &[u8]| &tree.node(tree.lookup(path).expect("there")).kind;
    assert!(matches!(kind(long.as_bytes()), NodeKind::Symlink(to) if **to == *target.as_bytes()));
    assert!(matches!(kind(b"pax/\xff"), NodeKind::Symlink(to) if **to == *b"to"));
}

#[test]
fn numbers_that_octal_cannot_say() {
    let mut block = header(b"base256", b'0', 0);
    put(&mut block, UID, b"\x80\0\0\0\xff\xff\xff\xfe");
    put(
        &mut block,
        MTIME,
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe",
    );
    let tree = Archive::new()
        .header(&summed(block))
        .extended(b'g', &[("uid", b"7"), ("mtime", b"5.25")])
        .pax(&[
            ("gid", b"4294967294"),
            ("mtime", b"-1.5"),
            ("comment", b"none"),
        ])
        .changed(header(b"pax", b'0', 0), &[(UID, b"nonsense")])
        .file("global", b"")
        .extended(b'g', &[("uid", b""), ("mtime", b"")])
        .file("after", b"")
        .tree();
    let seen = |path: &str| {
        let meta = &node(&tree, path).meta;
        let Timestamp { seconds, nanos } = meta.mtime;
        (meta.uid, meta.gid, seconds, nanos)
    };
    assert_eq!(seen("base256"), (0xffff_fffe, 2, -2, 0));
    assert_eq!(seen("pax"), (7, 0xffff_fffe, -2, 500_000_000));
    assert_eq!(seen("global"), (7, 2, 5, 250_000_000));
    assert_eq!(seen("after"), (1, 2, 1_000_000_000, 0));
}

#[test]
fn attributes_of_every_writer() {
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let acl = b"user::rwx\nuser:me:r-x:1000\ngroup::r--\nmask::rwx\nother::---\n";
    let records: [(&str, &[u8]); 9] = [
        ("SCHILY.xattr.security.capability", capability),
        ("SCHILY.xattr.user.%3D%25%2", b"\n\n7 a=b\n"),
        ("LIBARCHIVE.xattr.user.sp%20ace", b"AAEC/w"),
        ("LIBARCHIVE.xattr.user.padded", b"AQ=="),
        ("RHT.security.selinux", b"system_u:object_r:bin_t:s0"),
        ("SCHILY.acl.access", acl),
        ("SCHILY.acl.default", b"user::rwx,group::r-x,other::---"),
        ("SCHILY.fflags", b"schg,nodump,nocow"),
        ("VENDOR.unknown", b"ignored"),
    ];
    let tree = Archive::new()
        .pax(&records)
        .dir("dir")
        .file("next", b"")
        .tree();
    let meta = &node(&tree, "dir").meta;
    let value = |name: &str| meta.xattrs.get(name.as_bytes());
    assert_eq!(value("security.capability"), Some(&capability[..]));
    assert_eq!(value("user.=%%2"), Some(&b"\n\n7 a=b\n"[..]));
    assert_eq!(value("user.sp ace"), Some(&b"\x00\x01\x02\xff"[..]));
    assert_eq!(value("user.padded"), Some(&b"\x01"[..]));
    let selinux = b"system_u:object_r:bin_t:s0\0";
    assert_eq!(value("security.selinux"), Some(&selinux[..]));
    assert_eq!(
        value("system.posix_acl_access").map(<[u8]>::len),
        Some(4 + 5 * 8)
    );
    // A default list is kept even where an access list would be no more than permission bits.
    assert_eq!(
        value("system.posix_acl_default").map(<[u8]>::len),
        Some(4 + 3 * 8)
    );
    assert_eq!(meta.xattrs.iter().len(), 7);
    assert_eq!(meta.mode, 0o770);
    let flags = FileFlags::IMMUTABLE.with(FileFlags::NODUMP);
    assert_eq!(meta.flags, flags);
    let next = &node(&tree, "next").meta;
    assert!(next.xattrs.is_empty() && next.flags == FileFlags::NONE);
}

#[test]
fn hard_links_may_bring_their_content() {
    let mut linked = header(b"link", b'1', 5);
    put(&mut linked, super::support::LINKNAME, b"file");
    let linked = summed(linked);
    // In a PAX archive content follows; in an older one only if what follows is no header.
    let pax = Archive::new()
        .file("file", b"12345")
        .pax(&[("comment", b"")]);
    for tree in [
        pax.header(&linked).data(b"12345").file("next", b"").tree(),
        Archive::new()
            .file("file", b"12345")
            .header(&linked)
            .data(b"12345")
            .file("next", b"")
            .tree(),
        Archive::new()
            .file("file", b"12345")
            .header(&linked)
            .file("next", b"")
            .tree(),
        Archive::new()
            .file("file", b"12345")
            .file("next", b"")
            .header(&linked)
            .tree(),
    ] {
        assert_eq!(content(&tree, "link"), b"12345");
        assert_eq!(node(&tree, "file").links(), 2);
        assert!(tree.lookup(b"next").is_some());
    }
}

/// Zeros that are data stay data; holes are where the archive says so.
#[test]
fn holes_are_what_the_archive_says() {
    let tree = Archive::new().file("zeros", &[0; 8192]).tree();
    let NodeKind::File(map) = &node(&tree, "zeros").kind else {
        panic!("no file");
    };
    assert_eq!(map.data_len(), 8192);

    let mut gnu = header(b"gnu", b'S', 1024);
    put(&mut gnu, MAGIC, b"ustar  \0");
    // Four stretches, then 21 more, then two.
    let stretch = |number: u64| {
        let len = [512, 256, 256][usize::try_from(number).unwrap_or(2).min(2)];
        let len = if number > 2 { 0 } else { len };
        format!("{:011o}\0{len:011o}\0", number * 4096).into_bytes()
    };
    for number in 0..4 {
        put(
            &mut gnu,
            386 + 24 * usize::try_from(number).unwrap(),
            &stretch(number),
        );
    }
    gnu[482] = 1;
    put(&mut gnu, 483, b"00001000000\0");
    let mut first: Vec<u8> = (4..25).flat_map(stretch).collect();
    first.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    let second: Vec<u8> = (25..27).flat_map(stretch).collect();
    let mut data = vec![1; 512];
    data.extend([2; 256]);
    data.extend([3; 256]);
    let tree = Archive::new()
        .header(&summed(gnu))
        .data(&first)
        .data(&second)
        .data(&data)
        .file("next", b"x")
        .tree();
    let NodeKind::File(map) = &node(&tree, "gnu").kind else {
        panic!("no file");
    };
    let runs: Vec<_> = map
        .extents()
        .iter()
        .map(|extent| (extent.start, extent.len))
        .collect();
    assert_eq!(runs, [(0, 512), (4096, 256), (8192, 256)]);
    assert_eq!(map.len(), 0o1_000_000);
    let bytes = bytes_of(map);
    assert_eq!(
        (bytes[511], bytes[512], bytes[4096], bytes[8447]),
        (1, 0, 2, 3)
    );
    assert_eq!(content(&tree, "next"), b"x");
}

#[test]
fn an_archive_must_say_where_it_ends() {
    let mut archive = Archive::new().file("a", b"content");
    assert!(whole(&super::support::in_memory(archive.0.clone())).is_err());
    // One block of zeros is enough at the very end, and what follows two is no matter.
    archive.0.extend([0; 512]);
    whole(&super::support::in_memory(archive.0.clone())).expect("an end");
    archive.0.extend([0; 512]);
    archive.0.extend([7; 4000]);
    whole(&super::support::in_memory(archive.0)).expect("an end");
    assert_eq!(Archive::new().tree().paths().len(), 0);
}

#[test]
fn old_checksums_are_of_signed_bytes() {
    let mut block = header(b"\xff\xfe\xfd", b'0', 0);
    let name = [0xff_u32, 0xfe, 0xfd];
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    let own: u32 = block[148..156].iter().map(|byte| u32::from(*byte)).sum();
    let signed = sum - own + 8 * 32 - 256 * u32::try_from(name.len()).unwrap();
    put(&mut block, 148, format!("{signed:06o}\0 ").as_bytes());
    let tree = Archive::new().header(&block).tree();
    assert!(tree.lookup(b"\xff\xfe\xfd").is_some());
    block[MODE] ^= 1;
    assert!(whole(&Archive::new().header(&block).end()).is_err());
    let size: [(usize, &[u8]); 1] = [(SIZE, b"           0")];
    Archive::new()
        .changed(header(b"spaces", b'0', 0), &size)
        .tree();
}
