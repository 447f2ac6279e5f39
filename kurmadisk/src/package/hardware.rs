//! A machine's hardware as one target has it.

use super::error::PackageError;
use super::{Context, MacBlock};
use crate::spec::{DiskController, MacAddress, Network, NicModel};

/// What a target has of a kind of hardware, what it takes by itself first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choices {
    pub controllers: &'static [DiskController],
    pub nics: &'static [NicModel],
    /// Whose addresses its network cards have.
    pub macs: MacBlock,
}

/// A machine's hardware as one target has it.
#[derive(Clone, Debug)]
pub(super) struct Hardware {
    pub controller: DiskController,
    pub nics: Vec<Card>,
}

/// A network card.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card {
    pub model: NicModel,
    pub network: Network,
    pub mac: MacAddress,
}

impl Hardware {
    /// The hardware of the machine, each part one of `choices`.
    pub fn new(context: &Context, choices: &Choices) -> Result<Self, PackageError> {
        let cards = context.machine.nics.iter().map(|nic| {
            Ok(Card {
                model: context.nic_model(nic, choices.nics)?,
                network: nic.network,
                mac: nic.address(choices.macs),
            })
        });
        Ok(Self {
            controller: context.disk_controller(choices.controllers)?,
            nics: cards.collect::<Result<_, PackageError>>()?,
        })
    }
}
