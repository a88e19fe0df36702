import StarlingCore
import Testing

@testable import StarlingCrypto

/// A public key, its name, and a signature of ``KeyVector/message`` that another library made.
///
/// The keys of 4096 bits, P-256, Ed25519 and secp256k1 are the test vectors of libp2p/specs
/// `peer-ids/peer-ids.md`; the others and the signatures come from pyca/cryptography.
struct KeyVector: Sendable, CustomTestStringConvertible {
    static let message = Array("nothing accepted is lost".utf8)

    var name: String
    var kind: PublicKey.Kind
    var peerID: String
    var protobuf: String
    var signature: String

    var testDescription: String { name }

    static let all: [KeyVector] = [

        KeyVector(
            name: "p256",
            kind: .ecdsa,
            peerID: "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk",
            protobuf: """
                0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d\
                83abab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec0\
                34e9f77c409e62
                """,
            signature: """
                3045022100d74f48b5176e5b4c76b0fe1e7625b9c99172ce36265b831f79d84c5b1fdfc19e02203ef149cf2d\
                76b69f6118a8f68de15ad62b60840a5b3c28e0dbcbb52e5ce04695
                """
        ),
        KeyVector(
            name: "secp256k1",
            kind: .secp256k1,
            peerID: "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY",
            protobuf: "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99",
            signature: """
                304402204147571acc56ab1a1206c7cd60a3adb7a89eccee49a61cf50d8ec9b850394879022035b499465bdf\
                7c6be789b94090698084ab3163f8a25e561b8a39e0b28d71eb70
                """
        ),
        KeyVector(
            name: "rsa4096",
            kind: .rsa,
            peerID: "QmaeANgBs1DTSxWSrPPtobgQuxW8XTfsS4ydbK4rCHzqxG",
            protobuf: """
                080012a60430820222300d06092a864886f70d01010105000382020f003082020a0282020100e1beab071d08\
                200bde24eef00d049449b07770ff9910257b2d7d5dda242ce8f0e2f12e1af4b32d9efd2c090f66b0f29986db\
                b645dae9880089704a94e5066d594162ae6ee8892e6ec70701db0a6c445c04778eb3de1293aa1a23c3825b85\
                c6620a2bc3f82f9b0c309bc0ab3aeb1873282bebd3da03c33e76c21e9beb172fd44c9e43be32e2c99827033c\
                f8d0f0c606f4579326c930eb4e854395ad941256542c793902185153c474bed109d6ff5141ebf9cd256cf588\
                93a37f83729f97e7cb435ec679d2e33901d27bb35aa0d7e20561da08885ef0abbf8e2fb48d6a5487047a9ecb\
                1ad41fa7ed84f6e3e8ecd5d98b3982d2a901b4454991766da295ab78822add5612a2df83bcee814cf50973e8\
                0d7ef38111b1bd87da2ae92438a2c8cbcc70b31ee319939a3b9c761dbc13b5c086d6b64bf7ae7dacc1462237\
                5d92a8ff9af7eb962162bbddebf90acb32adb5e4e4029f1c96019949ecfbfeffd7ac1e3fbcc6b6168c34be3d\
                5a2e5999fcbb39bba7adbca78eab09b9bc39f7fa4b93411f4cc175e70c0a083e96bfaefb04a9580b4753c173\
                8a6a760ae1afd851a1a4bdad231cf56e9284d832483df215a46c1c21bdf0c6cfe951c18f1ee4078c79c13d63\
                edb6e14feaeffabc90ad317e4875fe648101b0864097e998f0ca3025ef9638cd2b0caecd3770ab54a1d9c6ca\
                959b0f5dcbc90caeefc4135baca6fd475224269bbe1b0203010001
                """,
            signature: """
                7be90e8a7103c496d8bbb90cfafe57c21a43cd5f522bd7675fed4e2a06a140362442e80603ccb1ffbfd2df26\
                aafdafb5311778239886e79c836f616f8fe1a54e5ec823db4f3f72e6a387d6138d7c7a8f96ca6e978a3c2e5d\
                d839c8858274f090a50bf651189d52aa0078635b930639b60f37f503b14f59acea604796d6b5711191eecfe4\
                897ac3e7307b68704ea0d84a9e5cd35b6770581bcd3808ab9a2288395be7735f236ed25af2740c6f050713ed\
                7875f946d20f85e5d0702f04b8b42f3766c2d4cd2de9807ae28a1d5fd36f09215acd6c616f53221a90aa8bb2\
                0b8a9e59d5f54a5a51a2947fa7d8906f12d1cbe104878e0ca92134e0ed32078200085f973dd7aee26091cea4\
                b11f88918de3a90178c1ee31a4d9cb239d8d642e296027c15fff9c16b1d141d448bb4ea3bc5177f65d60a211\
                af3aa0387f2ab0147f1540de2d5b1286ec6afc2b66ede8c4b0dcf93394b4ca2e34b9a424050c320bfe94246a\
                5dade9862bf20d5ecab7fc2622bf2cb47b6a794a9a2e9a017a79b618693ffe134dd8865dc82e50ee5efaba60\
                50fa9ab2b089ba429ac1d8784383d0a0c3b70f6ecdb16d92e2bf6f8a65677ad47a9f49f7c1889e9d3cc7e721\
                902af1f7e1aa30b613388cb6b51000d8c5188bfb16e1376312df88154da66ba277050f8737ba10f539e69dba\
                16f8d18baf9fdf005e42b800b0be9da4b786d1374841fe98ccc5e241
                """
        ),
        KeyVector(
            name: "ed25519",
            kind: .ed25519,
            peerID: "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq",
            protobuf: "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e",
            signature: """
                8f237c1a4905db4fea1c73e79ad34febb3534538242fb610628b200d95d2a08a810b79a6176ab95ba16a6231\
                3afeb09bed32c2fd9b6524ea1d5d0b44bc541903
                """
        ),
        KeyVector(
            name: "p384",
            kind: .ecdsa,
            peerID: "QmY1RFQnws74nzfmw4SfGfK9r6ASLuyFbYkt1NxDK9wY1n",
            protobuf: """
                080312783076301006072a8648ce3d020106052b81040022036200043278fb924263284b3f3dcba68b17a90d\
                d45276037c25246cbe344ce078dd3c5af6e21bf981d5d976b60184f2836ecfc2b29a0099826306aa61196122\
                955f2090cf4eff89d5bbb42223041836d1d1673b0521299648bbb73a2f8657a5281acc09
                """,
            signature: """
                30660231009873926a91e9bf3e299f56a2ea5bf9d664f0cc25361ba88ae94eaa239b36d3b90abfca50d86e0a\
                f36e29541a64044a9f023100e4332bc2c8249255cde9852a32b432534a5a020f9f0fb4a912aa7712d4193bb2\
                f0e669229dec41f715f4ee66383b9d72
                """
        ),
        KeyVector(
            name: "p521",
            kind: .ecdsa,
            peerID: "QmR2AMgPFQbwLHEKGgychVWTmRofjk599Fuu1AT5f8bEnx",
            protobuf: """
                0803129e0130819b301006072a8648ce3d020106052b810400230381860004019b090543ac03ab041b198b02\
                e5855098bd1f00eabc624501b4a75485fbca90522fe13db1561ff40fa02d086d35ee609a7c1df2f2a4cccfca\
                96749709a9d38398a1014f2e6a8a4454471a7f8be43b3ee6cb428f3ad8afc828c45cef3393699875c7c71694\
                37f590c892183754504e21353ebc8e1f0042a7cacac718d5730c4f0b8381b6
                """,
            signature: """
                308188024201127f18c7aecd98eabd544d676adad2a537324989ec8dd8a861ede0e05805efd5e6d6fe0b796a\
                c6a12eda71b7b2b94f5e0ee681c517fb12bfb1d552bfda94e8bfe70242017ac07c6bc2e3731622006dc623bd\
                165ffbe55cee4fa159d221b47f15ef888799b852bcea57862459a3c46202bfa05a2e0d329e37f80a16576574\
                f4604b45f3f156
                """
        ),
        KeyVector(
            name: "rsa2048",
            kind: .rsa,
            peerID: "QmTK7LxKtpBwHiyEcZUYKBeSEnzxTNJu83W1L5p7a1mxoS",
            protobuf: """
                080012a60230820122300d06092a864886f70d01010105000382010f003082010a028201010095512b30ba24\
                e28051484cc02f49decf1eabcf8626c57bd3f396785856bb89fb78990ff70785ee067b64c733e0b3d1a70f32\
                ab8a2222f30258194297fee51311373b22346a26b4fc939c2bcf2f42a6da456f14c36687a1393bf2751abf89\
                39a7d40877c7190d5a44c060e37d095ae51ee7fbc19d93aac02e739b7045bb28c800ac0debd3422417a1ce59\
                9801dc799452576f711f04cc3cff90114140b89e957ae9806f486ef4b5f5d4e44493c7745a56100340f9b1f6\
                936023dbc83d358264f7ce0bd4eef401b3895c4c83e3d5dd8ccd09877d83582f7b66e850565ae87e21cd8fce\
                5c9b70d9cac10721de6458f9d8b70aa2bff51e1e33510dbb78fe47d83ce90203010001
                """,
            signature: """
                7a1d8209aec01521ba351db9b21ddfce27af0d084b54e0fd89f87acee8db536b3f2f5f1dea532b7dc68833ae\
                c48dcd31e1082c39ce0fd9b8c05ee1f21bc8af95cfbcd1a17c0fa3c80276a67df537697aa35e9afdade9d4cb\
                67d171c9d69649d611f9f5817164caec6582e77c35cbcde8bbc6712e1e6a46e4169f95e60d36970e90d76886\
                74dfa3cde97b8223b7030677acb7f9fcbd111714595ab2d6cf02585a1af20e193ae39ee3efe973d52738dafd\
                1d946b65660c3a4751388fb57e0b76e4fe53e64003bbf25d0160ff61331dbc5a2dc7cba544438523819da558\
                985d8a6088ea9f76866e943bd1ad4c0341b3987df04e8dec2ec6dc3edaaf6b13a35f10a0
                """
        ),
        KeyVector(
            name: "rsa8192",
            kind: .rsa,
            peerID: "QmRX22voks9sd2gGHty4RxnDs7WkufGYEG1BHmL7HRrYcp",
            protobuf: """
                080012a60830820422300d06092a864886f70d01010105000382040f003082040a0282040100c7c397c0796e\
                612a94bdbfbe2cb15a62f6f0e22541a9aae2af71d8a910dad333756f1b810d6c6f567ef8d0dccdcd7ed9d837\
                d8c98870ddd56c47cb5658b778aee32ae1c17280ffe1c9dd169ec7bb4dfd4b6c4bae2af420f2eb75c39dc9bb\
                a95111a2e5580479e027784a3f027bcd034e463a5f2b854e66f0ec2a6db212b6f3d61470e3e96dac7a6fd191\
                25bb1429b245f9c3a7bc0fb64a9b28e010bb7350f31366e9fcbf57010324e18d29765527f04e7ca520b70b69\
                40cce8f403b8e3946ca987ddba06b7cde2375d8280e35e6a1f59bc4bf4ac8ac0ebddd4bc07bcf4504244c85a\
                c24a51e851ed13f73488575427b2d26e6b75b9036b605f1dc4fa0924e80ae0434bc1a93b0f52e4bd9e5dd0ec\
                42f053a0e34a6d2c81b2e76206cada1395c9f2fea5ead039ef957235f9c98642efa19c35c3396cd639d3aa62\
                7ee98597a09a341da530719544a40c0c3b4b9de8d82be4940e15c0af2a31d52e5af4e386de74fc65bfdbdaa1\
                c8c27b9ef7be3f5aee0238a8773dfddb989d165393949d67a4f2a8dab6249c3c366b3a9154409c319f2c14d3\
                caa8ad44087802cc22514e1a823b41701d10fdd134a85fab60db8466e5046c149a39656799032cb1d8e55aee\
                3388a7fe915e8af83499d397308c2ca00fa81c9fb529bbfb658266163daa5539d6772c6aa4735925e42826df\
                663e0134b80d2147d108991f06b83c129217e80dd41191ce1d4370ec8dd8eed86d31af8e5cac9331fa1bd806\
                832892728a8a167f7aa513a3138a9bc506d4193180e31b79180206baf831752f36ff12a8cf302572321c85bb\
                b1e3713b592cde5b403d590f178a650533d2b152f00e46dff20e0e1a1d603829f1d153d7fd416c526f9892f3\
                65ebd45f4bef27c6c68e06067439fbab1cbff973cc2acdd8318b814f753da527ad8e4ea1e73ff22bb49fbc12\
                a0e1909ff5a5b2a34c8f11e684483b4766d354c2ee214e0ad9d665893d63b74015ab7c38d67ebf71ae85dec2\
                f90115bb0c01f53d084eb132fd2364c0b9182b76e4270a5a347f0128c228068fa5faa5945c3943427c7b2457\
                ec6398c6402390f29eeea931102f665a25fbc6cad08b58dde820538d0d1b6c65a2956260bf1aca93f7336410\
                52aa2c70e84324c176445c622db969739d9c238d29a0145c1156f98d2b9e2ea07a8599bb177a61fa5174a4f6\
                fa240e7e93bca8fa81e76a3809cabf8c917181027f406b42152d5694c1e86d71d899d48f53a769894f77dc0e\
                8f8f11bbc0807a26b5ff19c361328697f47284be6fe8d811d99c347eee9a9e54d863171efe3d0052aada5b5b\
                3f6b947a48f9f61c1121fb14acdabfeb0c8cf71f985663c99427679e09030d216610180ce49f3f5f6523b44f\
                85d006cb3ae45833e6014d30335c8d7213cb0e23d7a1450f6c1a40b07e548aaaec8d468e97b057b28d2b2071\
                d7b653e1fcf90203010001
                """,
            signature: """
                c50f44837a1f2d7545fe76d78f753cb03f673fc21e8ce3c23ab6f4142ef5a2cc1a0b813aa3e3ff18d61329c0\
                6f1c9a8929f703afa70407c0ddf980e93b6c3d700920285c20d97ea710acc60f97fd0d3818aed4174b7f3bdf\
                c763319d231b2cf9f303f7e65897b3fb26168a0febd6f93b1bcb474833444e761b40e69a175bbed0ec001885\
                5b82210fa25c433e1825f455e2876d48a51ea5969d5a66213b574d1ff84a6ce0c0ecf7a72839987646348d45\
                de6b1e1d9acfa626b258deec7783d3016a2bc0fecea8111e3bc806cbccab5b87ef920a5181acca43199c1cc2\
                8f1312fcacf920d2b4840c35230e6b77d7449b298db2830a2c9f2b942807ff9d9d17a6fd8fec46d186784e13\
                0093a18c5bd81470e587e60c45e59eee4b6adb6686b7fbe592dffa5e4118758e138675374eb6d8a325c08342\
                77872c3de80f26802189e00888a7c6ad9ce2f9b9bdd45f1142ca970f7c6e59cba201c6d8ca8d31a366603071\
                99a63a21d6332dc1e159a86401e7b0afe778abc9d8911231f0f0608638124c85c5b1613de38fa53fa792895a\
                878fd57920b0e0f6fa54250fe4b3cc2b75e3ceee36c004d0bba1cd2826e3232f03741a7becfc6cfab86ef0ef\
                40c7a09fdea673b9b033db89a9a9929d216cd1f6e77023723783de0f09ab131fb474d65c76435cf373776b60\
                3c7fb8abed6a26dcbe18bd27d787b6e3478f4a419d1c1fa51eea20c506cce208035a8b1d7c89e3fc54e057d1\
                84aab009a9a2df4a511f7d9ca306cf8b31bbeff873df7b746d64e3cea9d81c72eec002eea94d677687353a5a\
                e63d331e1b4a0b322e16455e8310bd47c95436e21db9e6c08d7893184a4f03c934bf8e624ac22f002f28ed03\
                40e7a766456a10367757761b4d673946d144d04d470c0ea0dac3ec3d41c8a85f9938998ddfd27a6acb040a06\
                29cc0cd72c5b1df319705c4269b9648df5d3ba04f37313e51e5ff903e837838d74582b74e69a60073030a26d\
                306eae793e7caf11ac4d1387e92949d37cb0eeec347c027f0088164facf9d222ee6b9dc7c0c6aed1daa796b6\
                5b8605d2f9a07865ceee91d83f45449441ea755447882cd2dacc3cde4eff1b43a0450243d32bc59b2bc49a06\
                ca3fc662b3e59cb5a23644e080e0ad3e47aca7a4b2a32f1fb8bfaee2f2ead8085096f32e9f59d0f4f60a26b8\
                9156212777db5d8f653843db87fc6371d2668cef3b153684f3b66f2ccdf878abff7a607f0323c5a6a3343fe3\
                277569767a7fbd38c7c8bf6d854bf7e025f632c6c04db96232c7892a8a870aac9edf6325eb62a36f41f1b069\
                e54cbcfdcf8ca1f62b9a87155a7dda7f776af655924f877bebc24a09d5010602f58928deb7638947cbd1e054\
                c3b262396d67480398b9b6c21c4c57d8cf46f7b569efeb43aab00b73099ade3b4198668503f455f0ce13021c\
                076eb290f2cb4aef3452f552
                """
        ),
    ]

    /// RSA with 1024 bits, which is refused.
    static let tooSmall = """
        080012a20130819f300d06092a864886f70d010101050003818d0030818902818100bd8f1b361422716d7294\
        36606cceb7be76f9e1c0ebdb4a2549dc429a5dee86f2bdbfbcdde9e0dabc295b5f48918901dc6c2f74740f34\
        3896f1c0689e39e07c2d17a9591b6431a59f9a1d3402cab07e2fe18cb822573cb83633da945beb5c9fe15c13\
        5e2a87e45355c11b64fad154f56acde1eaba12af2deb4192ea9ccd76e3290203010001
        """

    /// The private keys of the specification.
    static let ed25519PrivateKey =
        """
        080112407e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d1ed1e8fae2c4a144\
        b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e
        """
    static let secp256k1PrivateKey =
        "0802122053dadf1d5a164d6b4acdb15e24aa4c5b1d3461bdbd42abedb0a4404d56ced8fb"
    static let ecdsaPrivateKey =
        """
        08031279307702010104203e5b1fe9712e6c314942a750bd67485de3c1efe85b1bfb520ae8f9ae3dfa4a4ca0\
        0a06082a8648ce3d030107a14403420004de3d300fa36ae0e8f5d530899d83abab44abf3161f162a4bc901d8\
        e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e62
        """
}
