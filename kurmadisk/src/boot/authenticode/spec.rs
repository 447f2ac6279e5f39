//! Structures of signatures: on disk, and in ASN.1 (DER).

use der::asn1::{Any, BitString, OctetString, SetOfVec};
use der::oid::ObjectIdentifier;
use der::{Sequence, ValueOrd};
use x509_cert::attr::Attribute;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// CMS signed data (RFC 5652, §5.1).
pub const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// The attribute that says what is signed (RFC 5652, §11.1).
pub const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
/// The attribute with the content's digest (RFC 5652, §11.2).
pub const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
/// SHA-256 (RFC 5754, §2.2).
pub const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
/// RSA keys, and signatures of PKCS #1 version 1.5 (RFC 8017, appendix A).
pub const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// The same with SHA-256.
pub const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
/// `SPC_INDIRECT_DATA_OBJID`: what Authenticode signs.
pub const INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");
/// `SPC_PE_IMAGE_DATAOBJ`: that it is a PE image.
pub const PE_IMAGE_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.15");

/// `WIN_CERT_REVISION_2_0`.
pub const REVISION: u16 = 0x0200;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
pub const TYPE_SIGNED_DATA: u16 = 0x0002;
/// Entries of the certificate table begin at multiples of this.
pub const ALIGNMENT: u64 = 8;

/// What an entry of the certificate table begins with (`WIN_CERTIFICATE`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct WinCertificate {
    /// Bytes of the entry with this.
    pub length: U32,
    /// [`REVISION`].
    pub revision: U16,
    /// [`TYPE_SIGNED_DATA`].
    pub certificate_type: U16,
}

const _: () = assert!(size_of::<WinCertificate>() == 8);

/// `ContentInfo`, and `EncapsulatedContentInfo` with a content that is no OCTET STRING, as PKCS #7 had it.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct ContentInfo {
    pub content_type: ObjectIdentifier,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub content: Any,
}

/// `SignedData` (RFC 5652, §5.1).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct SignedData {
    pub version: u8,
    pub digest_algorithms: SetOfVec<AlgorithmIdentifierOwned>,
    pub content: ContentInfo,
    #[asn1(
        context_specific = "0",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub certificates: Option<SetOfVec<Any>>,
    #[asn1(
        context_specific = "1",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub revocations: Option<SetOfVec<Any>>,
    pub signers: SetOfVec<SignerInfo>,
}

/// `SignerInfo` (RFC 5652, §5.3), whose signer is named by issuer and serial number.
#[derive(Clone, Debug, PartialEq, Eq, Sequence, ValueOrd)]
pub struct SignerInfo {
    pub version: u8,
    pub signer: IssuerAndSerialNumber,
    pub digest_algorithm: AlgorithmIdentifierOwned,
    #[asn1(
        context_specific = "0",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub signed_attributes: Option<SetOfVec<Attribute>>,
    pub signature_algorithm: AlgorithmIdentifierOwned,
    pub signature: OctetString,
    #[asn1(
        context_specific = "1",
        tag_mode = "IMPLICIT",
        constructed = "true",
        optional = "true"
    )]
    pub unsigned_attributes: Option<SetOfVec<Attribute>>,
}

/// `IssuerAndSerialNumber` (RFC 5652, §10.2.4).
#[derive(Clone, Debug, PartialEq, Eq, Sequence, ValueOrd)]
pub struct IssuerAndSerialNumber {
    pub issuer: Name,
    pub serial_number: SerialNumber,
}

/// `SpcIndirectDataContent`.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct IndirectData {
    pub data: AttributeTypeAndValue,
    pub message_digest: DigestInfo,
}

/// `SpcAttributeTypeAndOptionalValue`.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct AttributeTypeAndValue {
    pub data_type: ObjectIdentifier,
    pub value: Any,
}

/// `DigestInfo` (RFC 8017, §9.2).
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct DigestInfo {
    pub algorithm: AlgorithmIdentifierOwned,
    pub digest: OctetString,
}

/// `SpcPeImageData`: flags, and a link to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub struct PeImageData {
    pub flags: BitString,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub file: Any,
}
