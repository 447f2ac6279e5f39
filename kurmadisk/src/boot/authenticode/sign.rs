//! Programs signed.

use std::ops::Range;

use der::asn1::{Any, BitString, Null, OctetString, SetOfVec};
use der::{Decode, Encode, Tag};
use kurmadisk_formats::map::{DiskMap, Extent};
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Sign, PrivateKey, PublicKey};
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::attr::Attribute;
use x509_cert::spki::AlgorithmIdentifierOwned;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use super::super::pe::Pe;
use super::super::pe::spec::DataDirectory;
use super::SigningError;
use super::digest::Layout;
use super::spec::{
    ALIGNMENT, AttributeTypeAndValue, CONTENT_TYPE, ContentInfo, DigestInfo, INDIRECT_DATA,
    IndirectData, IssuerAndSerialNumber, MESSAGE_DIGEST, PE_IMAGE_DATA, PeImageData, REVISION,
    RSA_ENCRYPTION, SHA256, SIGNED_DATA, SignedData, SignerInfo, TYPE_SIGNED_DATA, WinCertificate,
};

/// Bytes of the least key that firmware trusts: 2048 bits.
const LEAST_KEY: usize = 2048 / 8;
/// The link to nothing that every signature has (`SpcLink`, a file named so in UTF-16).
const OBSOLETE: &str = "<<<Obsolete>>>";

/// An RSA key and its certificate.
#[derive(Clone, Debug)]
pub struct Signer {
    key: PrivateKey,
    /// The key's own first, then those that vouch for it.
    certificates: Vec<Certificate>,
}

impl Signer {
    /// Reads the key (PKCS #8 or PKCS #1, not encrypted) and its certificate (X.509), both as PEM; certificates that
    /// follow are put into signatures too.
    pub fn from_pem(key: &str, certificates: &str) -> Result<Self, SigningError> {
        let key = private_key(key)?;
        let wrong = |problem| SigningError::Certificate { problem };
        let certificates = Certificate::load_pem_chain(certificates.trim().as_bytes());
        let certificates = certificates.map_err(|_| wrong("it is no X.509 certificate in PEM"))?;
        let own = certificates.first();
        let own = own.ok_or_else(|| wrong("there is none in the file"))?;
        let public = own.tbs_certificate().subject_public_key_info().to_der()?;
        let public = PublicKey::from_public_key_der(&public);
        let public = public.map_err(|_| wrong("its key is not RSA"))?;
        if public != key.to_public_key() {
            return Err(wrong(
                "it is for another key; give the one that was made with the key, first in its file",
            ));
        }
        Ok(Self { key, certificates })
    }

    /// `image` with a signature behind it, and behind those that it has.
    ///
    /// All of the image is read.
    pub fn sign(&self, image: &DiskMap) -> Result<DiskMap, SigningError> {
        let reader = image.reader();
        let pe = Pe::read(&reader)?;
        let layout = Layout::new(&pe)?;
        let table = layout.table.clone();
        if table.end != image.len() {
            return Err(SigningError::Table);
        }
        // Signatures begin aligned. What fills the gap is a part of the program and hashed.
        let padding = table.start.next_multiple_of(ALIGNMENT) - table.start;
        if padding > 0 && !table.is_empty() {
            return Err(SigningError::Table);
        }
        let digest = layout.digest(&reader, padding)?;
        reader
            .close()
            .map_err(|error| super::super::pe::PeFault::Read(std::io::Error::other(error)))?;
        let entry = entry(&self.signed_data(digest)?)?;

        let begin = table.start + padding;
        let at = if table.is_empty() {
            begin
        } else {
            table.end.next_multiple_of(ALIGNMENT)
        };
        let len = at + entry.len() as u64;
        let narrow = |value: u64| {
            let value = u32::try_from(value).map_err(|_| SigningError::TooLarge);
            value.map(U32::new)
        };
        let directory = DataDirectory {
            virtual_address: narrow(begin)?,
            size: narrow(len - begin)?,
        };
        narrow(len)?;
        let mut map = DiskMap::new(len);
        // Signed programs have no checksum: nobody who starts them looks at it.
        map.insert_bytes(layout.check_sum.start, vec![0; 4])?;
        map.insert_bytes(layout.directory.start, directory.as_bytes().to_vec())?;
        map.insert_bytes(at, entry)?;
        for range in [
            0..layout.check_sum.start,
            layout.check_sum.end..layout.directory.start,
            layout.directory.end..image.len(),
        ] {
            copy(&mut map, image, range)?;
        }
        Ok(map)
    }

    /// The CMS message that signs a program with this digest.
    fn signed_data(&self, digest: [u8; 32]) -> Result<Vec<u8>, SigningError> {
        let content = Any::encode_from(&indirect_data(digest)?)?;
        // The message's digest is that of the content without its tag and length, as PKCS #7 has it.
        let message = Sha256::digest(content.value());
        let attributes = SetOfVec::try_from(vec![
            attribute(CONTENT_TYPE, Any::encode_from(&INDIRECT_DATA)?)?,
            attribute(
                MESSAGE_DIGEST,
                Any::encode_from(&OctetString::new(message.to_vec())?)?,
            )?,
        ])?;
        let signed = Sha256::digest(attributes.to_der()?);
        let scheme = Pkcs1v15Sign::new::<rsa::sha2::Sha256>();
        let signature = self.key.sign(scheme, &signed).map_err(SigningError::Rsa)?;
        let own = self.certificates.first().map(Certificate::tbs_certificate);
        let own = own.ok_or(SigningError::Certificate {
            problem: "there is none",
        })?;
        let signer = SignerInfo {
            version: 1,
            signer: IssuerAndSerialNumber {
                issuer: own.issuer().clone(),
                serial_number: own.serial_number().clone(),
            },
            digest_algorithm: algorithm(SHA256)?,
            signed_attributes: Some(attributes),
            signature_algorithm: algorithm(RSA_ENCRYPTION)?,
            signature: OctetString::new(signature)?,
            unsigned_attributes: None,
        };
        let certificates = self.certificates.iter().map(Any::encode_from);
        let certificates = certificates.collect::<Result<Vec<_>, _>>()?;
        let data = SignedData {
            version: 1,
            digest_algorithms: SetOfVec::try_from(vec![algorithm(SHA256)?])?,
            content: ContentInfo {
                content_type: INDIRECT_DATA,
                content,
            },
            certificates: Some(SetOfVec::try_from(certificates)?),
            revocations: None,
            signers: SetOfVec::try_from(vec![signer])?,
        };
        let message = ContentInfo {
            content_type: SIGNED_DATA,
            content: Any::encode_from(&data)?,
        };
        Ok(message.to_der()?)
    }
}

fn private_key(pem: &str) -> Result<PrivateKey, SigningError> {
    let wrong = |problem| SigningError::Key { problem };
    let pem = pem.trim();
    if pem.contains("ENCRYPTED") {
        return Err(wrong(
            "it is encrypted, and nothing asks for a passphrase here; decrypt it by `openssl pkey`",
        ));
    }
    let key = PrivateKey::from_pkcs8_pem(pem)
        .or_else(|_| PrivateKey::from_pkcs1_pem(pem).map_err(|_| ()));
    let key = key.map_err(|()| wrong("it is no RSA key in PEM (PKCS #8 or PKCS #1)"))?;
    if key.size() < LEAST_KEY {
        return Err(wrong(
            "it has fewer than 2048 bits, which firmware does not trust",
        ));
    }
    Ok(key)
}

/// What is signed: a program's digest.
fn indirect_data(digest: [u8; 32]) -> Result<IndirectData, der::Error> {
    let name: Vec<u8> = OBSOLETE.encode_utf16().flat_map(u16::to_be_bytes).collect();
    // SpcLink: [2] EXPLICIT file, SpcString: [0] IMPLICIT BMPString.
    let inner = Any::new(context(0, false), name)?;
    let link = Any::new(context(2, true), inner.to_der()?)?;
    let value = PeImageData {
        flags: BitString::from_bytes(&[])?,
        file: link,
    };
    Ok(IndirectData {
        data: AttributeTypeAndValue {
            data_type: PE_IMAGE_DATA,
            value: Any::encode_from(&value)?,
        },
        message_digest: DigestInfo {
            algorithm: algorithm(SHA256)?,
            digest: OctetString::new(digest.to_vec())?,
        },
    })
}

fn context(number: u32, constructed: bool) -> Tag {
    Tag::ContextSpecific {
        constructed,
        number: der::TagNumber(number),
    }
}

fn algorithm(oid: der::oid::ObjectIdentifier) -> Result<AlgorithmIdentifierOwned, der::Error> {
    Ok(AlgorithmIdentifierOwned {
        oid,
        parameters: Some(Any::encode_from(&Null)?),
    })
}

fn attribute(oid: der::oid::ObjectIdentifier, value: Any) -> Result<Attribute, der::Error> {
    Ok(Attribute {
        oid,
        values: SetOfVec::try_from(vec![value])?,
    })
}

/// A message as an entry of the certificate table, filled with zeros to a multiple of the alignment.
fn entry(message: &[u8]) -> Result<Vec<u8>, SigningError> {
    let len = (size_of::<WinCertificate>() + message.len()) as u64;
    let len = len.next_multiple_of(ALIGNMENT);
    let header = WinCertificate {
        length: u32::try_from(len)
            .map_err(|_| SigningError::TooLarge)?
            .into(),
        revision: REVISION.into(),
        certificate_type: TYPE_SIGNED_DATA.into(),
    };
    let mut entry = [header.as_bytes(), message].concat();
    entry.resize(usize::try_from(len).unwrap_or(entry.len()), 0);
    Ok(entry)
}

/// References `range` of `from` at the same place.
fn copy(map: &mut DiskMap, from: &DiskMap, range: Range<u64>) -> Result<(), SigningError> {
    let pieces: Vec<Extent> = from.pieces(range).collect();
    for piece in pieces {
        map.insert(piece)?;
    }
    Ok(())
}

/// Reads the certificates of a PEM file.
pub(super) fn first_certificate(pem: &str) -> Result<Certificate, SigningError> {
    let found = Certificate::load_pem_chain(pem.trim().as_bytes());
    let found = found.ok().and_then(|chain| chain.into_iter().next());
    found.ok_or(SigningError::Certificate {
        problem: "it is no X.509 certificate in PEM",
    })
}

/// Reads a certificate that lies in a signature.
pub(super) fn certificate(any: &Any) -> Result<Certificate, der::Error> {
    Certificate::from_der(&any.to_der()?)
}
