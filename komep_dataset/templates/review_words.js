// What the page says, in both languages; KOREAN is for what explorer_elements.js says.
const KOREAN = { "a character that is not visible by itself": "눈에 보이지 않는 문자" };
const WORDS = {
  ko: {
    title: "KoMeP 검토", reviewer: "검토자", help: "도움말", close: "닫기", save: "CSV 저장", question: "질문", answer: "답",
    clinical: "임상에 쓰지 마십시오. 두 답 모두에 틀린 의학 내용이 있을 수 있습니다.",
    sample: "이 프로젝트를 위해 쓴 견본이며, 시험 문제도 언어 모델의 답도 아닙니다.",
    ask: "어느 답이 의학적 사실에 더 맞습니까?", A: "A가 나음", B: "B가 나음", same: "같음", unsure: "모름",
    back: "이전 쌍", on: "다음 쌍", source: "영어 원문", korean: "한국어", translated: "영어에서 번역", native: "한국어 원문",
    english: "영어 원문", statements: "진술 (선택)", true: "참", false: "거짓", cannot: "모름", correct: "번역 고치기",
    corrected: "고친 번역", translation: "번역이 원문의 뜻을 (틀린 내용까지) 그대로 옮겼습니까?", yes: "예", no: "아니오",
    comment: "의견", passages: "판정에 쓰인 구절", load: "저장한 CSV 불러오기", keep: "파일에 계속 저장",
    how: "같은 질문에 대한 두 답 A와 B 가운데 어느 쪽이 의학적 사실에 더 맞는지 고르십시오. 길이나 말투가 아니라 사실로 판단하십시오. "
      + "진술마다 참, 거짓을 표시하는 것은 선택입니다. 번역이 틀렸으면 고친 글 전체를 적으십시오. 끝나면 CSV를 저장해 보내십시오.",
    keeping: "답은 이 브라우저에 저장되어 창을 닫아도 남습니다. 다른 컴퓨터에서 이어 하려면 CSV를 저장하고 그곳에서 불러오십시오. "
      + "이 페이지는 네트워크를 쓰지 않습니다.",
    keyBetter: "A가 나음, B가 나음", keyNeither: "같음, 모름", keyClear: "고른 답 지우기", keyMove: "다음 쌍, 이전 쌍 (→ ← 도 됨)",
    keyNext: "아직 고르지 않은 쌍", keyTranslation: "번역 예, 아니오", keyMarks: "첫 진술로", keyMark: "진술에서: 참, 거짓, 모름 (다음 진술로 넘어감; Backspace는 지움)",
    keyStatement: "진술에서: 다음 진술, 이전 진술", keySources: "영어 원문 보이기, 감추기", keyComment: "의견 쓰기",
    keyLeave: "글상자에서 나오기, 창 닫기", keySave: "CSV 저장", keyHelp: "이 도움말",
    done: (n, of) => `${n} / ${of} 판단함`, place: (n, of) => `쌍 ${n} / ${of}`,
    noStorage: "이 브라우저는 답을 저장하지 못합니다. 열 번 고칠 때마다 CSV가 내려받아집니다. 닫기 전에 CSV를 저장하고, 다음에 도움말의 ‘저장한 CSV 불러오기’로 이어 하십시오.",
    keptIn: (name) => `${name} 파일에 저장하고 있습니다.`, notKept: (name) => `${name} 파일에 저장하지 못했습니다. CSV를 저장하십시오.`,
    loaded: (n, name) => `${name}에서 ${n}쌍을 불러왔습니다.`,
    foreign: (name) => `${name}은(는) 이 검토지의 CSV가 아닙니다. 아무것도 불러오지 않았습니다.`,
  },
  en: {
    title: "KoMeP review", reviewer: "Reviewer", help: "Help", close: "Close", save: "Save CSV", question: "Question", answer: "Answer",
    clinical: "Not for clinical use. Either answer may state false medicine.",
    sample: "A sample written for this project: no exam items, and no output of a language model.",
    ask: "Which answer is closer to medical fact?", A: "A better", B: "B better", same: "Same", unsure: "Unsure",
    back: "Pair before", on: "Next pair", source: "English source", korean: "Korean", translated: "translated from English",
    native: "Korean from the start", english: "English", statements: "Statements (optional)", true: "True", false: "False",
    cannot: "Can’t say", correct: "Correct the translation", corrected: "Corrected translation",
    translation: "Does the translation say what the source says, mistakes included?", yes: "Yes", no: "No", comment: "Comment",
    passages: "Passages that were at hand", load: "Load a saved CSV", keep: "Keep saving to a file",
    how: "Of two answers A and B to one question, say which is closer to medical fact: by what they state, not by length or tone. "
      + "Marking single statements true or false is optional. Where a translation is wrong, write the whole text as it should be. "
      + "When you are done, save the CSV and send it.",
    keeping: "Your answers are kept in this browser and stay when you close the page. To go on at another computer, save the CSV and load it "
      + "there. This page uses no network.",
    keyBetter: "A better, B better", keyNeither: "same, unsure", keyClear: "take the verdict back", keyMove: "next pair, pair before (→ ← too)",
    keyNext: "next pair without a verdict", keyTranslation: "translation yes, no", keyMarks: "to the first statement",
    keyMark: "on a statement: true, false, can’t say, and on to the next; Backspace takes it back", keyStatement: "on a statement: next, previous statement",
    keySources: "show or hide the English source", keyComment: "write a comment", keyLeave: "leave a text field, close this window",
    keySave: "save the CSV", keyHelp: "this help",
    done: (n, of) => `${n} of ${of} judged`, place: (n, of) => `Pair ${n} of ${of}`,
    noStorage: "This browser keeps nothing. A CSV is downloaded after every ten changes. Save the CSV before you close the page, and go on later with “Load a saved CSV” in the help.",
    keptIn: (name) => `Saving to ${name}.`, notKept: (name) => `${name} could not be written; save the CSV.`,
    loaded: (n, name) => `${n} pairs taken from ${name}.`, foreign: (name) => `${name} is no CSV of this sheet; nothing was loaded.`,
  },
};
