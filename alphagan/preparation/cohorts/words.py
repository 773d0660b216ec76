"""Which contrast the words of a name tell."""

import re

# What a word in a name says of a file, strongest first: a mask of a T1w is a mask, a T2-FLAIR is a FLAIR.
WORDS = {
    "mask": {"mask", "masks", "maske", "masque", "seg", "dseg", "aseg", "probseg", "label", "labels"},
    "regions": {"segmentation", "synthseg", "parc", "parcellation", "aparc", "wmparc", "dkt", "aal", "schaefer"},
    "map": {"thickness", "tpm", "ribbon", "tissues", "overlay", "qt1", "qt2", "qsm"},
    "bold": {"bold", "sbref", "epi", "fmri"},
    "dwi": {"dwi", "dti", "adc"},
    "angio": {"mra", "angio", "tof"},
    "perfusion": {"pasl", "pcasl"},
    "T1wGd": {"t1ce", "ct1", "t1c", "t1gd", "gadt1", "t1wgd", "t1post", "t1km", "t1contrast"},
    "FLAIR": {"flair", "t2flair", "3dflair", "t2f", "flairbrain"},
    "STIR": {"stir", "tirm"},
    "T2starw": {"t2starw", "t2star", "swi"},
    "T2w": {"t2", "t2w", "t2tse", "t2brain"},
    "T1w": {"t1", "t1w", "t1n", "mprage", "rage", "mpr", "spgr"},
    "PDw": {"pd", "pdw"},
}
# Of a contrast agent, beside T1 or as BIDS's `acq-`; right beside it, as in T1+C, C+; and words that there was none.
AGENT = re.compile(
    r"(?:.*post)?(?:gd|gad[a-z]*|[ck]ontrast[a-z]*|ce|km)|enhanced|inject[a-z]+|pgd"
    r"|magnevist|dotarem|multihance|prohance|clariscan|omniscan|elucirem|vueway|gbca"
    r"|(?!pre|non?|without).*(?:gd|gad|gadolinium|gado)"
)
BESIDE = re.compile(r"(?:\b|_)(?:c|gd|km)\+|\+(?:c|gd|km)(?![a-z])|t1w?[ _-](?:cm|inj|mdc)(?![a-z0-9])")
NO_AGENT = {"pre", "precontrast", "no", "none", "non", "without", "wo", "before", "native", "unenhanced"}
NO_AGENT |= {"zonder", "ohne", "vor", "nativ", "sans", "avant", "natif", "senza", "prima", "sin", "antes", "nativo"}
# What FSL, ANTs and SPM write beside a scan, unless the scan itself was corrected: pieces of it, and fields.
PIECES = {
    "mask": re.compile(r".*brainextractionmask|.*brainsegmentation"),
    "tissue map": re.compile(r"pve|pveseg|mixeltype|.*brainsegmentationposteriors\d+|.*corticalthickness"),
    "field": re.compile(r"bias|biasfield|warp|jacobian"),
}
# What several words, or marks among them, tell, as one of the words above.
PHRASES = {
    "flair": re.compile(r"dark[ _-]?fluid|fluid[ _-]?att|da-fl"),
    "t2star": re.compile(r"t2w?[ _-]?(?:star|gre|ffe|\*|medic|fl2d\w*hemo)"),
}
CORRECTED = {"corrected", "corr", "correction", "cor"}
MAPPED = re.compile(r"(?<![a-z0-9])t[12]w?[ _-]?maps?(?![a-z])")
TARGETS = "|".join(sorted(set().union(*(WORDS[name] for name in ("T1w", "T2w", "FLAIR", "PDw"))), reverse=True))
ONTO = re.compile(
    r"(?<=[a-z0-9])[ _-](?:(?:coreg|reg|registered|warped|aligned)[ _-])?(?:in|to|onto|reg)[ _-]?"
    rf"(?:{TARGETS})[ _-]?(?:space)?(?![a-z0-9])"
)


def contrast(text: str) -> str:
    """Contrast that the words of a name tell, or "".

    Examples
    --------
    >>> contrast("P01_T1"), contrast("P01_T1_postGd"), contrast("P01_T1_ohne_KM"), contrast("P01_FLAIR_to_T1")
    ('T1w', 'T1wGd', 'T1w', 'FLAIR')
    """
    text = ONTO.sub("", text.lower())  # what it was registered to
    in_order = re.split(r"[^a-z0-9]+", text)
    words = set(in_order)
    if (any(map(AGENT.fullmatch, words)) or BESIDE.search(text)) and words & WORDS["T1w"] and not words & NO_AGENT:
        words.add("t1wgd")
    words |= {word for word, phrase in PHRASES.items() if phrase.search(text)}
    if MAPPED.search(text):
        return "map"
    piece = next((name for name, known in PIECES.items() if any(map(known.fullmatch, words))), "")
    if piece and not (piece == "field" and words & CORRECTED):
        return piece
    found = next((name for name, known in WORDS.items() if words & known), "")
    if found == "T2w":  # P1_T2_T1 is a T1w at the second time point
        told = [word for word in in_order if word in WORDS["T1w"] | WORDS["T2w"]]
        return "T1w" if told and told[-1] in WORDS["T1w"] else found
    return found
