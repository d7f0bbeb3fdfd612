#!/bin/sh
# check_models.sh MODEL_PARITY SCRATCH configs|NAME...: reference models made now by open_clip and transformers, then compared.
#   configs   every open_clip config of tiers T1 and T2, ResNets and PE-Core, cut to two layers (minutes)
#   NAME      a full-size model in every dialect it has: vit_b_32 vit_l_14 siglip_b_16 siglip2_b_16 rn50 (needs gigabytes for a while)
#   full      all of the full-size ones, one after the other
# TL_REFERENCE_PYTHON (else TL_TEST_PYTHON) names a Python that has the packages (versions: top of make_fixtures.py). Status 77: there is none.
set -u
program=$1 scratch=$2
shift 2
here=$(dirname "$0")
python=${TL_REFERENCE_PYTHON:-${TL_TEST_PYTHON:-python3}}
if ! "$python" -c 'import torch, open_clip, transformers, timm' 2>/dev/null; then
    echo "skipped: $python cannot import torch, open_clip, transformers and timm; TL_REFERENCE_PYTHON may name a Python that can"
    exit 77
fi
[ "$*" = full ] && set -- vit_b_32 vit_l_14 siglip_b_16 siglip2_b_16 rn50
status=0
for name in "$@"; do
    folder=$scratch/$name
    rm -rf "$folder"
    if [ "$name" = configs ]; then
        "$python" "$here/make_fixtures.py" configs "$folder" --list --check "$program" || status=1
    else
        "$python" "$here/make_fixtures.py" full "$folder" "$name" || status=1
        for golden in "$folder"/*.golden; do
            "$program" "${golden%.golden}" "$golden" || status=1
        done
    fi
    rm -rf "$folder"
done
exit $status
