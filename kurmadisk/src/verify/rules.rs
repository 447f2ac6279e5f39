//! The rules of packages.
//!
//! OVF is DMTF's DSP0243; what of it each platform insists on was found in its sources, where there are some.

kurmadisk_formats::lint_rules! {
    PACKAGE = "package",
        refused [all], warned [],
        "the platform takes no packages of this kind",
        "give it a package of its own: `kurmadisk package`";
    NO_DISK = "no-disk",
        refused [all], warned [],
        "a disk without a partition table and without a filesystem is no system",
        "look with `kurmadisk inspect` whether it is the right file, and whole";
    ARCHIVE = "archive",
        refused [all], warned [],
        "the platform takes what is in the archive, not the archive",
        "unpack it, and verify what was in it";
    ARCHIVE_DAMAGED = "archive-damaged",
        refused [all], warned [],
        "the archive can't be read to its end",
        "make or copy it anew";
    OVA_ORDER = "ova-order",
        refused [Vmware VirtualBox], warned [Aws Proxmox],
        "the first file of an OVA must be the OVF document: the archive is read front to back",
        "put it first: `tar --format=ustar -cf X.ova X.ovf X.mf X-disk1.vmdk`";
    OVA_DISK_ORDER = "ova-disk-order",
        refused [Vmware], warned [VirtualBox Aws],
        "files must be in the order in which the document refers to them",
        "put them into that order";
    OVA_MANIFEST_PLACE = "ova-manifest-place",
        refused [], warned [Vmware VirtualBox],
        "the manifest comes right behind the document, or behind all other files",
        "put it there";
    OVA_TAR = "ova-tar",
        refused [], warned [Vmware VirtualBox Aws],
        "an OVA is a plain ustar archive of regular files; extended headers and holes are not part of that",
        "make it with `tar --format=ustar`";
    OVF_MISSING = "ovf-missing",
        refused [Vmware VirtualBox Aws Proxmox], warned [],
        "an appliance needs an OVF document that describes it",
        "add one";
    OVF_XML = "ovf-xml",
        refused [Vmware VirtualBox Aws Proxmox], warned [],
        "the document must be well-formed XML, an envelope of OVF's namespace",
        "correct it; `xmllint` tells where";
    OVF_VERSION = "ovf-version",
        refused [Proxmox], warned [Vmware Aws],
        "Proxmox finds nothing in an envelope of another version than 1, and whether others do depends on theirs",
        "write OVF 1: `[target.ova] ovf = \"1.0\"`";
    OVF_CAPACITY = "ovf-capacity",
        refused [Vmware VirtualBox], warned [Aws Proxmox],
        "the capacity in the document must be that of the disk",
        "write the disk's size there, with the unit `byte * 2^0`";
    OVF_CAPACITY_UNITS = "ovf-capacity-units",
        refused [], warned [Proxmox],
        "Proxmox knows a unit only in the form `byte * 2^N`, and without it not the disk's size",
        "write the disk's size in bytes, with the unit `byte * 2^0`";
    OVF_FORMAT = "ovf-format",
        refused [Vmware VirtualBox], warned [Aws],
        "a disk's format is told by a URI, whose fragment says which of a VMDK's kinds it is",
        "write `http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized`";
    OVF_DISK = "ovf-disk",
        refused [Vmware Aws], warned [VirtualBox],
        "the disks of an appliance are streamOptimized VMDKs",
        "`kurmadisk convert --format vmdk-stream`";
    OVF_FILE_MISSING = "ovf-file-missing",
        refused [Vmware VirtualBox Aws Proxmox], warned [],
        "the document refers to a file that is not in the package",
        "add the file, or correct `ovf:href`";
    OVF_FILE_NAME = "ovf-file-name",
        refused [Proxmox], warned [],
        "Proxmox takes only names of letters, digits and `-._+=`",
        "rename the file, also in the document and the manifest";
    OVF_FILE_SIZE = "ovf-file-size",
        refused [], warned [Vmware],
        "`ovf:size` must be the length of the file",
        "correct it, or leave it out";
    OVF_FILE_REF = "ovf-file-ref",
        refused [Vmware VirtualBox Aws Proxmox], warned [],
        "a disk's `ovf:fileRef` must be the `ovf:id` of a file",
        "correct it";
    OVF_COMPRESSION = "ovf-compression",
        refused [Proxmox], warned [Vmware VirtualBox Aws],
        "Proxmox takes the file for the disk's image as it is; of others not all uncompress files or join chunks",
        "put the streamOptimized VMDK in as it is";
    OVF_HOST_RESOURCE = "ovf-host-resource",
        refused [Proxmox], warned [],
        "Proxmox passes over disks whose `HostResource` is not `ovf:/disk/ID`",
        "write it with one slash";
    OVF_DISK_UNKNOWN = "ovf-disk-unknown",
        refused [Vmware VirtualBox Aws Proxmox], warned [],
        "a drive's `HostResource` must name a disk of the document",
        "correct it";
    OVF_CONTROLLER = "ovf-controller",
        refused [Vmware VirtualBox Proxmox], warned [Aws],
        "a drive must be on a controller: its `Parent` is an item's `InstanceID`",
        "add the controller, or correct `rasd:Parent`";
    OVF_NO_DISK = "ovf-no-disk",
        refused [], warned [Vmware VirtualBox Aws Proxmox],
        "the machine has no drive with a disk, so nothing will boot",
        "add an item of resource type 17 with a `HostResource`";
    OVF_MEMORY_UNITS = "ovf-memory-units",
        refused [], warned [Proxmox],
        "Proxmox takes the number for MiB, whatever the unit is",
        "write the memory in `byte * 2^20`";
    OVF_FIRMWARE = "ovf-firmware",
        refused [], warned [Vmware VirtualBox Proxmox],
        "VMware and Proxmox find the firmware in `vmw:Config` with the key `firmware`, VirtualBox in `vbox:Machine`; a machine that boots by EFI does not by BIOS",
        "say it to both";
    OVF_BOOT_ORDER = "ovf-boot-order",
        refused [], warned [Vmware],
        "a `vmw:BootOrderSection` has been seen to be refused",
        "leave it out: the first disk boots";
    MANIFEST_SYNTAX = "ovf-manifest-syntax",
        refused [Vmware VirtualBox], warned [Aws],
        "a manifest's line is `SHA256(NAME)= HEX`, without a space before the parenthesis",
        "write it so: `openssl sha256` without options puts a space there in some versions";
    MANIFEST_NAME = "ovf-manifest-name",
        refused [Vmware], warned [VirtualBox Aws],
        "document, manifest and certificate have the same name but for its ending",
        "rename the manifest";
    MANIFEST_DIGEST = "ovf-manifest-digest",
        refused [Vmware VirtualBox Aws], warned [],
        "the digest must be that of the file",
        "copy the file anew, or make the manifest anew";
    MANIFEST_FILE = "ovf-manifest-file",
        refused [Vmware], warned [VirtualBox],
        "each line of a manifest is about a file of the package",
        "leave the line out, or add the file";
    MANIFEST_INCOMPLETE = "ovf-manifest-incomplete",
        refused [], warned [Vmware VirtualBox],
        "a manifest has a line for each file of the package",
        "add one";
    GCE_GZIP = "gce-gzip",
        refused [Gce], warned [],
        "the archive must be compressed by gzip",
        "compress it: `gzip`, with the ending .tar.gz";
    GCE_DISK = "gce-disk",
        refused [Gce], warned [],
        "the archive holds one file, called disk.raw",
        "`tar --format=oldgnu -Sczf X.tar.gz disk.raw`";
    GCE_TAR = "gce-tar",
        refused [Gce], warned [],
        "the archive must be in GNU tar's old format",
        "`tar --format=oldgnu -Sczf X.tar.gz disk.raw`";
    GCE_SIZE = "gce-size",
        refused [Gce], warned [],
        "disks have a size of whole GB (2^30 bytes)",
        "make the disk larger";
    VMX_SYNTAX = "vmx-syntax",
        refused [Vmware], warned [],
        "each line of a .vmx is a comment or `key = \"value\"`, and no key is there twice",
        "correct the line";
    VMX_DISK = "vmx-disk",
        refused [Vmware], warned [],
        "the machine's disks are files beside the .vmx",
        "put the disk there, or correct `fileName`";
}
